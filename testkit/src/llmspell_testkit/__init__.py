"""The contract that every llmspell engine keeps, as pytest suites over cases in TOML."""

from __future__ import annotations

from llmspell_testkit.case import Case
from llmspell_testkit.engine import EngineContract
from llmspell_testkit.loader import CaseFileError, load_cases, load_sources
from llmspell_testkit.probe import ContractBridge

__all__ = [
    "Case",
    "CaseFileError",
    "ContractBridge",
    "EngineContract",
    "load_cases",
    "load_sources",
]
