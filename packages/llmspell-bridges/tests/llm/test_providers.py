"""Every provider that litellm has, asked for a model whose name is meant to lead elsewhere."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.llm.importing import litellm_ready
from llmspell_bridges.llm.models import ONE_KEY
from llmspell_core import Budget, Ledger, LlmspellError, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(240),
    # litellm leaves clients of its rarer providers open: they are collected within the test
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HERE = {"127.0.0.1", "localhost"}
OPENAIS = {"openai", "text-completion-openai"}
SERVED_HERE = {"llamafile", "ollama", "ollama_chat"}
AWAY = "evil.example/m@evil.example"
URL = "http://evil.example/m"
ADDRESSED = ["huggingface", "sagemaker", "bedrock", "replicate", "databricks", "cloudflare"]
AGENT = "agentcore/arn:aws:bedrock-agentcore:evil.example/:123456789012:runtime/x"


class NoNetwork(socket.socket):
    """A socket that connects to nothing."""

    def connect(self, address: Any) -> None:
        raise ConnectionRefusedError(111, f"nothing listens at {address}")

    def connect_ex(self, address: Any) -> int:
        return 111


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """All hosts that somebody looked for; there is no network."""
    found: list[str] = []

    def look_up(host: Any, *_: Any, **__: Any) -> Any:
        found.append(host.decode() if isinstance(host, bytes) else str(host))
        raise socket.gaierror(socket.EAI_NONAME, "nobody knows")

    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_BASE_URL", "_API_BASE", "_TOKEN")):
            monkeypatch.delenv(name)
    for name in [it for it in os.environ if it.startswith(("AWS_", "GOOGLE_", "VERTEX"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "socket", NoNetwork)
    return found


async def _asked(providers: list[str], model: str, looked_up: list[str]) -> dict[str, set[str]]:
    """Ask each provider for a model, one after the other; return the hosts that it looked for."""
    bridge = LlmBridge()
    await bridge.open()
    found: dict[str, set[str]] = {}
    for provider in providers:
        looked_up.clear()
        session = Session(bridges={"llm": bridge}, ledger=Ledger(Budget.unlimited()))
        request = {"prompt": "Hi", "model": f"{provider}/{model}", "timeout_s": 5}
        with pytest.raises(LlmspellError):
            async with asyncio.timeout(20):
                await call(session, "llm", "complete", [request])
        await session.close()
        found[provider] = {host for host in looked_up if host not in HERE}
        if looked_up and not found[provider]:
            found[provider] = {"here"}
    await bridge.close()
    await asyncio.to_thread(gc.collect)
    return {provider: hosts for provider, hosts in found.items() if hosts}


async def _providers() -> list[str]:
    litellm = await litellm_ready()
    names = {str(getattr(each, "value", each)) for each in litellm.provider_list}
    return sorted(names - {"local"})


async def test_a_provider_that_nobody_has_set_up_is_not_called(looked_up: list[str]) -> None:
    """Not one of a hundred and sixty, though some would answer without a key."""
    providers = await _providers()
    assert len(providers) > 100
    found = await _asked(providers, "m", looked_up)
    assert set(found) <= SERVED_HERE
    assert all(hosts == {"here"} for hosts in found.values())


async def test_a_models_name_leads_to_its_provider_alone(
    looked_up: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key for each of them: no host of the name's, no template's, nobody else's key."""
    providers = await _providers()
    for provider in providers:
        variable = f"{provider.upper().replace('-', '_')}_API_KEY"
        monkeypatch.setenv(variable, "sk-canary-0123456789abcdef")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-0123456789")
    monkeypatch.setenv("AWS_REGION_NAME", "us-east-1")
    found = await _asked(providers, AWAY, looked_up)
    found |= {"addresses": set().union(*(await _asked(ADDRESSED, URL, looked_up)).values())}
    found |= {"agents": set().union(*(await _asked(["bedrock"], AGENT, looked_up)).values())}
    assert len(found) > 60
    every = set().union(*found.values())
    assert not any("evil" in host for host in every)
    assert {name for name, hosts in found.items() if "api.openai.com" in hosts} <= OPENAIS
    hub = {name for name, hosts in found.items() if "huggingface.co" in hosts}
    assert hub <= {"huggingface"}


async def test_who_wants_one_key_wants_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Litellm agrees about each provider that is not asked about any further."""
    litellm = await litellm_ready()
    for name in [it for it in os.environ if it.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
    for provider in ONE_KEY:
        variable = f"{provider.upper()}_API_KEY"
        assert litellm.validate_environment(f"{provider}/m")["missing_keys"] == [variable]
        monkeypatch.setenv(variable, "canary-0123456789")
        assert litellm.validate_environment(f"{provider}/m")["missing_keys"] == []
