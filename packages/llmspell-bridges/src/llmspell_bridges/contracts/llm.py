"""The bridge `llm` keeps the contract of bridges: the real litellm, and a server on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.agent.handle import AgentHandle
from llmspell_bridges.contracts.model_server import model_server
from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.tools import ToolsBridge
from llmspell_core import Permissions
from llmspell_testkit import BridgeContract, BridgeWorld, FakeProvider, Fault, Slow, response

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-test-0123456789abcdef"
_WAIT = Slow(
    broken=lambda world: world.data.holds(),
    reached=lambda world: world.data.waiting.is_set(),
    released=lambda world: world.data.released.is_set(),
)


def _fails(method: str, status: int, kind: str) -> Fault:
    return Fault(method=method, broken=lambda world: world.data.fails(status), kind=kind)


@pytest.mark.filterwarnings("ignore:Accessing the 'model_")  # litellm's own use of pydantic
@pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class")
# litellm makes its coroutine in a thread, and drops it when the call is cancelled meanwhile
@pytest.mark.filterwarnings(
    "ignore:coroutine '(a(completion|embedding|rerank|speech|moderation|transcription|image)|"
    "BaseLLM|OpenAI):RuntimeWarning"
)
class LlmContract(BridgeContract):
    """Every method of `llm`, of the agents that it gives, and of the tools that they become."""

    bridge = LlmBridge
    companions = (ToolsBridge,)
    permissions = Permissions()
    delegates = ("tool:execute",)
    handles = {"agent": AgentHandle}  # noqa: RUF012 - a setting of the contract
    examples = {"tool:execute": {"args": {"input": "hi"}}}  # noqa: RUF012 - as above
    faults = {  # noqa: RUF012 - as above
        "key-refused": _fails("complete", 401, "authentication"),
        "too-many": _fails("complete", 429, "rate_limit"),
        "server-down": _fails("complete", 503, "provider"),
        "hangs-up": _fails("complete", 0, "network"),
        "stream-too-many": _fails("stream", 429, "rate_limit"),
        "embed-refused": _fails("embed", 401, "authentication"),
        "agent-refused": _fails("agent:run", 401, "authentication"),
    }
    slow = {  # noqa: RUF012 - as above
        "complete": _WAIT,
        "stream": _WAIT,
        "embed": _WAIT,
        "agent:run": _WAIT,
        "agent:stream": _WAIT,
    }

    @pytest.fixture
    def bridge_world(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[BridgeWorld]:
        """Let a server on this machine be the providers of the examples."""
        for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE", "COHERE"):
            for suffix in ("API_KEY", "BASE_URL", "API_BASE"):
                monkeypatch.delenv(f"{name}_{suffix}", raising=False)
        with (
            FakeProvider(default=response("Hello there")) as provider,
            model_server(provider.url) as server,
        ):
            openai = {"base_url": f"{server.url}/v1", "api_key": KEY, "max_retries": 0}
            cohere = {"base_url": server.url, "api_key": KEY, "max_retries": 0}
            settings = {
                "default_model": "openai/gpt-4o",
                "default_embedding_model": "openai/text-embedding-3-small",
                "providers": {"openai": openai, "cohere": cohere},
            }
            yield BridgeWorld(settings=settings, secrets=(KEY,), data=server)
