"""Stand-ins for an engine, a bridge and a model, each with a log of what it was asked."""

from llmspell_testkit.mocks.bridge import BridgeCall, InTurn, Items, MockBridge
from llmspell_testkit.mocks.engine import Execution, MockEngine, bridge_call
from llmspell_testkit.mocks.llm import MockLLMClient, ModelCall

__all__ = [
    "BridgeCall",
    "Execution",
    "InTurn",
    "Items",
    "MockBridge",
    "MockEngine",
    "MockLLMClient",
    "ModelCall",
    "bridge_call",
]
