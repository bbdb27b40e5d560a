"""Tests made from a folder of examples."""

from llmspell_testkit.example.contract import ExamplesContract
from llmspell_testkit.example.expected import ExampleCase, read_expected
from llmspell_testkit.example.run import ExampleRun

__all__ = ["ExampleCase", "ExampleRun", "ExamplesContract", "read_expected"]
