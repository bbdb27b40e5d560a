"""The contract, as Starlark keeps it: for the tests, and for `llmspell conformance`."""

from pathlib import Path

from llmspell_core import EngineConfig
from llmspell_starlark.engine import StarlarkEngine
from llmspell_starlark.speaker import speak
from llmspell_testkit import EngineContract


class StarlarkContract(EngineContract):
    """The contract's cases, in Starlark."""

    engine = StarlarkEngine
    configs = (EngineConfig(isolation="inproc"),)
    sources = Path(__file__).with_name("starlark_sources.toml")
    speaker = speak
