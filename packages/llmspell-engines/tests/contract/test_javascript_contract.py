"""The JavaScript engine keeps the contract."""

from __future__ import annotations

from typing import ClassVar

from llmspell_core.engine import EngineConfig
from llmspell_engines.javascript import JavaScriptEngine
from llmspell_testkit import EngineContract


class TestJavaScript(EngineContract):
    """In workers, and in this process."""

    engine = JavaScriptEngine
    configs = (EngineConfig(), EngineConfig(isolation="inproc"))
    ratios: ClassVar[dict[str, float]] = {
        "start": 0.2,
        "call": 38,
        "conversion": 4.5,
        "in_flight": 2.3,
    }
