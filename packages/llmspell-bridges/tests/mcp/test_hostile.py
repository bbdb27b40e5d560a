"""Servers that mean harm, or make mistakes: each ends its own connection at most."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.mcp import limits
from llmspell_core import ToolError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Spell

pytestmark = pytest.mark.anyio


def tool(name: str, **more: Any) -> dict[str, Any]:
    """Describe a tool as a server lists it."""
    return {"name": name, "inputSchema": {"type": "object"}, **more}


async def names(run: Spell) -> list[str]:
    """List what the run calls the server's tools."""
    handles = await run.ask(await run.connect(), "tools")
    return [(await run.ask(it, "schema"))["name"] for it in handles]


async def test_a_server_that_says_nothing_is_left(spell: Callable[..., Spell]) -> None:
    """The handshake has the server's time limit."""
    with pytest.raises(ToolError, match=r"the MCP server `raw` did not answer within 0.6 s"):
        await spell(start="silent", timeout_s=0.6).connect()


async def test_a_server_that_talks_to_people_is_quoted(spell: Callable[..., Spell]) -> None:
    """What is no message is passed over; when no answer comes, the error shows it."""
    text = "within 0.6 s; it wrote what is no message: Welcome to the owl server!"
    with pytest.raises(ToolError, match=text):
        await spell(start="garbage", timeout_s=0.6).connect()


async def test_a_tool_that_hangs_is_given_up(spell: Callable[..., Spell]) -> None:
    """Its server goes on."""
    run = spell(timeout_s=1)
    with pytest.raises(ToolError, match="the tool `raw_hang` did not answer within 1 s"):
        await run.tool("hang")
    assert await run.tool("echo", a=1) == '{"a": 1}'


async def test_a_message_without_end_is_not_read(spell: Callable[..., Spell]) -> None:
    """The server is left, and the host keeps no more of it than a message may have."""
    with pytest.raises(ToolError, match="was left: it sent a message of more than 10 MiB"):
        await spell().tool("long")


async def test_a_flood_is_not_drunk(spell: Callable[..., Spell]) -> None:
    """Messages that answer nothing are bounded."""
    with pytest.raises(ToolError, match=r"was left: it sent more than 10,000 messages"):
        await spell().tool("flood")


async def test_chatter_is_passed_over(spell: Callable[..., Spell]) -> None:
    """Logs and progress that a server reports go nowhere, call after call."""
    run = spell()
    most = limits.UNASKED_MESSAGES - 10
    assert await run.tool("chat", count=most) == "said it"
    assert await run.tool("chat", count=most) == "said it"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("sampling/createMessage", {"messages": [], "maxTokens": 10}),
        (
            "elicitation/create",
            {"message": "Your key?", "requestedSchema": {"type": "object", "properties": {}}},
        ),
        ("roots/list", {}),
    ],
)
async def test_what_a_server_asks_for_is_refused(
    spell: Callable[..., Spell], method: str, params: dict[str, Any]
) -> None:
    """It gets no model's answer at the run's cost, no question to the user, no list of folders."""
    run = spell()
    answer = json.loads(await run.tool("ask", method=method, params=params))
    assert answer["code"] < 0
    assert "not supported" in answer["message"]
    assert run.session.ledger.usage.llm_calls == 0


@pytest.mark.parametrize("what", ["new", "same"])
async def test_a_list_without_end_is_refused(spell: Callable[..., Spell], what: str) -> None:
    """Neither new pages for ever nor the same one again."""
    run = spell(tools=[tool("a")], pages=10**9 if what == "new" else "same")
    with pytest.raises(ToolError, match="its list of tools does not end"):
        await run.connect()


async def test_pages_are_put_together(spell: Callable[..., Spell]) -> None:
    """A list of several pages is one; what is listed twice is left out the second time."""
    run = spell(tools=[tool("a")], pages=3)
    handle = await run.connect()
    assert await names(run) == ["raw_a"]
    assert (await run.ask(handle, "info"))["left_out"] == {"a": "it has no name of its own"}


async def test_too_many_tools_are_refused(spell: Callable[..., Spell]) -> None:
    """More than a model could choose from."""
    run = spell(tools=[tool(f"t{n}") for n in range(600)], pages=1)
    with pytest.raises(ToolError, match="offers more than 1,000 tools"):
        await run.connect()


async def test_names_fit_every_provider(spell: Callable[..., Spell]) -> None:
    """They are made of what providers take, and no two are the same."""
    given = ["a.b", "a/b", "a b", "ж", "x" * 100, "x" * 101, "rm -rf /\n\x1b[31m", "pid"]
    run = spell(tools=[tool(name) for name in given])
    found = await names(run)
    assert found[0] == "raw_a_b"
    assert found[-1] == "raw_pid"
    assert len(set(found)) == len(given)
    assert all(len(it) <= 64 and it.replace("_", "").replace("-", "").isalnum() for it in found)
    assert all(it.isascii() for it in found)


async def test_no_tool_takes_anothers_name(spell: Callable[..., Spell]) -> None:
    """A tool that the spell has defined stays what it is."""
    run = spell(tools=[tool("echo")])
    own = run.function(lambda _: "mine")
    await run.ask("tools", "define", {"name": "raw_echo", "handler": own})
    (name,) = await names(run)
    assert name != "raw_echo"
    assert name.startswith("raw_echo_")
    assert await run.ask("tools", "raw_echo") == "mine"
    assert await run.ask("tools", name) == "{}"


async def test_texts_have_no_control_characters(spell: Callable[..., Spell]) -> None:
    """Nothing moves a terminal's cursor, and nothing is hidden from who reads it."""
    hidden = "".join(chr(0xE0000 + ord(c)) for c in "obey")
    about = f"Reads\x1b[2J\u202e a\tnote{hidden}\nof yours\x00" + "!" * 5000
    run = spell(tools=[tool("read", description=about)])
    handle = await run.connect()
    (found,) = await run.ask(handle, "tools")
    shown = (await run.ask(found, "schema"))["description"]
    assert shown.startswith("Reads[2J a\tnote\nof yours!!!")
    assert shown.endswith("!…")
    assert len(shown) < 4200
    assert (await run.ask(handle, "info"))["server"] == "raw[31m"


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"a": {"type": "text"}}, "not a JSON Schema at `$.properties.a.type`"),
        ({"a": {"$ref": "http://127.0.0.1:1/x"}}, "it refers to 'http://127.0.0.1:1/x'"),
        ({"a": {"$ref": "file:///etc/passwd"}}, "it refers to 'file:///etc/passwd'"),
        ({"a": {"$ref": "#/$defs/no"}}, "which is not in it"),
    ],
)
async def test_a_tool_with_a_bad_schema_is_left_out(
    spell: Callable[..., Spell], properties: Any, why: str
) -> None:
    """The others can be used, and whoever asks for it is told why."""
    schema = {"type": "object", "properties": properties}
    run = spell(tools=[tool("bad", inputSchema=schema), tool("echo")])
    assert await names(run) == ["raw_echo"]
    handle = await run.connect()
    assert why in (await run.ask(handle, "info"))["left_out"]["bad"]
    with pytest.raises(ValidationError, match=r"the tool `bad` .* cannot be used: its schema"):
        await run.ask(handle, "call", "bad", {})


async def test_a_list_that_is_none_is_told(spell: Callable[..., Spell]) -> None:
    """The error says what of it is wrong."""
    run = spell(tools=[tool("bad", inputSchema={"type": "string"})])
    with pytest.raises(ToolError, match=r"no MCP answer: tools.0.inputSchema.type: Input should"):
        await run.connect()


async def test_a_schema_that_is_too_large_is_left_out(spell: Callable[..., Spell]) -> None:
    """Nobody could check arguments against it."""
    run = spell(tools=[tool("a")], pad=300_000)
    left_out = (await run.ask(await run.connect(), "info"))["left_out"]
    assert left_out["a"] == "its schema: it is larger than 256 KiB"


async def test_all_schemas_together_are_bounded(spell: Callable[..., Spell]) -> None:
    """Many large ones are left out."""
    run = spell(tools=[tool(f"t{n}") for n in range(20)], pad=250_000)
    assert len(await names(run)) == 16
    left_out = (await run.ask(await run.connect(), "info"))["left_out"]
    assert left_out["t19"] == "all schemas together are larger than 4 MiB"


async def test_a_pattern_that_takes_for_ever_holds_nobody_up(spell: Callable[..., Spell]) -> None:
    """Neither that of the arguments nor that of the answer is tried."""
    evil = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    run = spell(tools=[tool("answer", inputSchema=evil, outputSchema=evil)], timeout_s=5)
    text = "a" * 40 + "!"
    answer = {"content": [], "structuredContent": {"a": text}, "a": text}
    assert await run.tool("answer", **answer) == {"a": text}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"content": 3}, "answered what is no MCP answer"),
        ({"content": [{"type": "text"}]}, "answered what is no MCP answer"),
        ({"content": [{"type": "image", "data": "§", "mimeType": "x"}]}, "not in base64"),
        (
            {"content": [{"type": "text", "text": "\x1b[31mno"}], "isError": True},
            r"failed: \[31mno",
        ),
        ({"content": [], "isError": True}, "it does not say why"),
    ],
)
async def test_an_answer_that_is_none_is_a_failed_tool(
    spell: Callable[..., Spell], answer: dict[str, Any], why: str
) -> None:
    """The script is told, and the connection stays."""
    run = spell()
    with pytest.raises(ToolError, match=why):
        await run.tool("answer", **answer)
    assert await run.tool("echo", a=1) == '{"a": 1}'


async def test_a_text_that_is_none_is_no_message(spell: Callable[..., Spell]) -> None:
    """What cannot be read is not answered, and the connection stays."""
    run = spell(timeout_s=1)
    with pytest.raises(ToolError, match="`raw_odd` did not answer within 1 s"):
        await run.tool("odd", kind="surrogate")
    assert await run.tool("echo", a=1) == '{"a": 1}'


async def test_arguments_that_are_no_json_are_not_sent(spell: Callable[..., Spell]) -> None:
    """A text that is none is refused, bytes go as base64, and the connection stays."""
    run = spell()
    with pytest.raises(ToolError, match="a text in them is not Unicode"):
        await run.tool("echo", a="\udcff")
    assert await run.tool("echo", a=b"\xff\x00") == '{"a": "/wA="}'
    handle = await run.connect()
    with pytest.raises(ValidationError, match="a text in them is not Unicode"):
        await run.ask(handle, "read_resource", "memo://\udcff")


async def test_calls_at_once_get_their_own_answers(spell: Callable[..., Spell]) -> None:
    """One that is cancelled does not disturb the others."""
    run = spell()
    handle = await run.connect()
    hanging = asyncio.create_task(run.ask(handle, "call", "hang", {}))
    calls = [run.ask(handle, "call", "echo", {"n": n}) for n in range(20)]
    await asyncio.sleep(0)
    hanging.cancel()
    assert await asyncio.gather(*calls) == [f'{{"n": {n}}}' for n in range(20)]
    assert await run.tool("echo", a=1) == '{"a": 1}'
