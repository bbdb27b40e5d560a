"""Comparing engines on programs that hypothesis makes."""

from llmspell_testkit.differential.compare import Comparing
from llmspell_testkit.differential.javascript import JavaScriptWriter
from llmspell_testkit.differential.lua import LuaWriter
from llmspell_testkit.differential.reference import ReferenceEngine
from llmspell_testkit.differential.strategies import interleavings, sequences, value_programs
from llmspell_testkit.differential.writer import Writer

__all__ = [
    "Comparing",
    "JavaScriptWriter",
    "LuaWriter",
    "ReferenceEngine",
    "Writer",
    "interleavings",
    "sequences",
    "value_programs",
]
