"""Budgets of real spells in every language, counted by what the provider sees."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Budget, BudgetError, Runtime

sys.path.insert(0, str(Path(__file__).parent))
from server import serving, serving_in_a_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Cli
    from server import Server

pytestmark = pytest.mark.timeout(120)

LUA = """
for _ = 1, 20 do
    pcall(llm.complete, {prompt = "Hi", max_tokens = 5})
    pcall(function() for _ in llm.stream{prompt = "Hi", max_tokens = 5} do end end)
    pcall(llm.embed, {input = "Hi"})
end
return "went on"
"""
JAVASCRIPT = """
for (let i = 0; i < 20; i++) {
    try { await llm.complete({prompt: "Hi", max_tokens: 5}); } catch {}
    try { for await (const _ of llm.stream({prompt: "Hi", max_tokens: 5})) {} } catch {}
    await llm.embed({input: "Hi"}).catch(() => {});
}
return "went on";
"""
SCRIPTS = {"lua": LUA, "javascript": JAVASCRIPT}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A provider of `openai`."""
    async with serving() as server:
        yield server


def _runtime(server: Server, **options: Any) -> Runtime:
    models = ("openai/gpt-4o", "openai/text-embedding-3-small")
    llm = {
        "default_model": models[0],
        "default_embedding_model": models[1],
        "providers": {"openai": {"base_url": f"{server.address}/v1", "api_key": "sk-0123456789ab"}},
        "prices": {name: {"input_usd": 100, "output_usd": 100} for name in models},
    }
    return Runtime(settings={"llm": llm}, **options)


@pytest.mark.anyio
@pytest.mark.parametrize("language", SCRIPTS)
async def test_a_spell_that_catches_every_error_ends_with_its_budget(
    server: Server, language: str
) -> None:
    """The call that is one too many ends the run; the provider sees none after it."""
    async with _runtime(server, budget=Budget(llm_calls=5)) as runtime:
        with pytest.raises(BudgetError, match=r"5 LLM calls.*--max-llm-calls"):
            await runtime.run(SCRIPTS[language], language=language)
        assert len(server.seen) == 5
        assert runtime.usage.llm_calls == 5


@pytest.mark.anyio
@pytest.mark.parametrize("language", SCRIPTS)
async def test_money_that_is_spent_is_spent(server: Server, language: str) -> None:
    """A cost limit holds over complete, stream and embed together, whatever the spell catches."""
    async with _runtime(server, budget=Budget(cost_usd=0.01)) as runtime:
        with pytest.raises(BudgetError, match=r"0\.01 USD.*--max-cost"):
            await runtime.run(SCRIPTS[language], language=language)
        assert 0.005 < runtime.usage.cost_usd <= 0.01
        assert runtime.ledger.reserved_usd == 0


@pytest.mark.anyio
async def test_spells_at_once_keep_the_runtimes_total(server: Server) -> None:
    """Twenty of them in two languages, each within its own budget, stop together at the total."""
    total = Budget(cost_usd=0.02, llm_calls=1000)
    async with _runtime(server, total_budget=total) as runtime:
        runs = [runtime.run(SCRIPTS[name], language=name) for name in SCRIPTS for _ in range(10)]
        results = await asyncio.gather(*runs, return_exceptions=True)
        assert all(isinstance(result, BudgetError) for result in results)
        assert all("the total budget of all spells of 0.02 USD" in str(it) for it in results)
        assert 0.015 < runtime.usage.cost_usd <= 0.02
        assert len(server.seen) == runtime.usage.llm_calls


@pytest.mark.parametrize(("name", "language"), [("a.lua", "lua"), ("a.js", "javascript")])
def test_the_command_says_what_was_spent(cli: Cli, name: str, language: str) -> None:
    """Exit code 5, the budget's name and option, and the calls that were made."""
    cli.write(name, SCRIPTS[language])
    with serving_in_a_thread() as server:
        cli.env |= {"OPENAI_API_KEY": "sk-0123456789ab", "OPENAI_BASE_URL": f"{server.address}/v1"}
        cli.env["LLMSPELL_MODEL"] = "openai/gpt-4o"
        done = cli("run", name, "--json", "--max-llm-calls", "2")
    assert done.returncode == 5, done.stderr
    document = json.loads(done.stdout)
    assert document["error"]["kind"] == "budget"
    assert document["error"]["details"]["option"] == "--max-llm-calls"
    assert document["usage"]["llm_calls"] == len(server.seen) == 2
