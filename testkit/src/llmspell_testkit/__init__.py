"""The contract that every llmspell engine keeps, as pytest suites over cases in TOML.

Each public name is imported when it is first used: what runs a hostile case in a process of its
own needs no pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_testkit.case import Case
    from llmspell_testkit.engine import EngineContract
    from llmspell_testkit.hostile.contract import HostileContract
    from llmspell_testkit.loader import CaseFileError, load_cases, load_sources
    from llmspell_testkit.probe import ContractBridge

_HOME = {
    "Case": "case",
    "CaseFileError": "loader",
    "ContractBridge": "probe",
    "EngineContract": "engine",
    "HostileContract": "hostile.contract",
    "load_cases": "loader",
    "load_sources": "loader",
}

__all__ = [
    "Case",
    "CaseFileError",
    "ContractBridge",
    "EngineContract",
    "HostileContract",
    "load_cases",
    "load_sources",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    module = _HOME.get(name)
    if module is None:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text)
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
