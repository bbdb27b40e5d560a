"""The contract that every llmspell engine keeps, as pytest suites over cases in TOML.

Each public name is imported when it is first used: what runs a hostile case in a process of its
own needs no pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_testkit.assertions import assert_round_trip, assert_same_in_every_engine
    from llmspell_testkit.benchmark import Comparison, compare
    from llmspell_testkit.bridge.contract import BridgeContract, BuilderExample
    from llmspell_testkit.bridge.speak import CallChain, Speaker
    from llmspell_testkit.bridge.world import BridgeWorld, Fault, Slow
    from llmspell_testkit.case import Case
    from llmspell_testkit.chaos_mode import Dice, chaos, dice_of
    from llmspell_testkit.differential import Comparing, ReferenceEngine
    from llmspell_testkit.engine import EngineContract
    from llmspell_testkit.environment import TestEnvironment
    from llmspell_testkit.example import ExampleCase, ExampleRun, ExamplesContract
    from llmspell_testkit.hostile.contract import HostileContract
    from llmspell_testkit.integration import (
        IntegrationContract,
        Scenario,
        World,
        load_scenarios,
        recording_spans,
    )
    from llmspell_testkit.integration.chaotic import ChaoticWorld
    from llmspell_testkit.loader import CaseFileError, load_cases, load_sources
    from llmspell_testkit.mocks import (
        BridgeCall,
        Execution,
        InTurn,
        Items,
        MockBridge,
        MockEngine,
        MockLLMClient,
        ModelCall,
        bridge_call,
    )
    from llmspell_testkit.probe import ContractBridge
    from llmspell_testkit.provider import (
        FakeProvider,
        Page,
        Reply,
        SeenRequest,
        ToolCall,
        disconnect,
        failure,
        garbage,
        response,
        tool_call,
        vectors,
    )
    from llmspell_testkit.scripts import ScriptSet

_HOME = {
    "BridgeCall": "mocks",
    "BridgeContract": "bridge.contract",
    "BridgeWorld": "bridge.world",
    "BuilderExample": "bridge.contract",
    "CallChain": "bridge.speak",
    "Case": "case",
    "CaseFileError": "loader",
    "ChaoticWorld": "integration.chaotic",
    "Comparing": "differential",
    "Comparison": "benchmark",
    "ContractBridge": "probe",
    "Dice": "chaos_mode",
    "EngineContract": "engine",
    "ExampleCase": "example",
    "ExampleRun": "example",
    "ExamplesContract": "example",
    "Execution": "mocks",
    "FakeProvider": "provider",
    "Fault": "bridge.world",
    "HostileContract": "hostile.contract",
    "InTurn": "mocks",
    "IntegrationContract": "integration",
    "Items": "mocks",
    "MockBridge": "mocks",
    "MockEngine": "mocks",
    "MockLLMClient": "mocks",
    "ModelCall": "mocks",
    "Page": "provider",
    "ReferenceEngine": "differential",
    "Reply": "provider",
    "Scenario": "integration",
    "ScriptSet": "scripts",
    "SeenRequest": "provider",
    "Slow": "bridge.world",
    "Speaker": "bridge.speak",
    "TestEnvironment": "environment",
    "ToolCall": "provider",
    "World": "integration",
    "assert_round_trip": "assertions",
    "assert_same_in_every_engine": "assertions",
    "bridge_call": "mocks",
    "chaos": "chaos_mode",
    "compare": "benchmark",
    "dice_of": "chaos_mode",
    "disconnect": "provider",
    "failure": "provider",
    "garbage": "provider",
    "load_cases": "loader",
    "load_scenarios": "integration",
    "load_sources": "loader",
    "recording_spans": "integration",
    "response": "provider",
    "tool_call": "provider",
    "vectors": "provider",
}

__all__ = [
    "BridgeCall",
    "BridgeContract",
    "BridgeWorld",
    "BuilderExample",
    "CallChain",
    "Case",
    "CaseFileError",
    "ChaoticWorld",
    "Comparing",
    "Comparison",
    "ContractBridge",
    "Dice",
    "EngineContract",
    "ExampleCase",
    "ExampleRun",
    "ExamplesContract",
    "Execution",
    "FakeProvider",
    "Fault",
    "HostileContract",
    "InTurn",
    "IntegrationContract",
    "Items",
    "MockBridge",
    "MockEngine",
    "MockLLMClient",
    "ModelCall",
    "Page",
    "ReferenceEngine",
    "Reply",
    "Scenario",
    "ScriptSet",
    "SeenRequest",
    "Slow",
    "Speaker",
    "TestEnvironment",
    "ToolCall",
    "World",
    "assert_round_trip",
    "assert_same_in_every_engine",
    "bridge_call",
    "chaos",
    "compare",
    "dice_of",
    "disconnect",
    "failure",
    "garbage",
    "load_cases",
    "load_scenarios",
    "load_sources",
    "recording_spans",
    "response",
    "tool_call",
    "vectors",
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
