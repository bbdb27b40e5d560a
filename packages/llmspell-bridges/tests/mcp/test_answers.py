"""What a server's tools, resources and prompts give to a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import (
    BudgetError,
    PermissionDeniedError,
    Permissions,
    TextRecord,
    ToolError,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Spell

pytestmark = pytest.mark.anyio
PIXEL = bytes.fromhex("89504e470d0a1a0a")


@pytest.fixture(params=["stdio", "http", "http with json"])
def server(
    request: pytest.FixtureRequest,
    spells: Callable[..., Spell],
    notes: Spell,
    http_notes: Callable[..., str],
) -> Spell:
    """One run with the server made with the SDK, over each transport."""
    if request.param == "stdio":
        return notes
    options = ["--json"] if request.param.endswith("json") else []
    return spells({"notes": {"url": http_notes(*options)}})


async def called(spell: Spell, name: str, arguments: dict[str, Any] | None = None) -> Any:
    """Call a tool of the server."""
    return await spell.ask(await spell.connect("notes"), "call", name, arguments or {})


async def test_a_tool_answers_text_and_data(server: Spell) -> None:
    """Its text is the answer, and its structured content the field `data`."""
    answer = await called(server, "add", {"a": 2, "b": 3})
    assert isinstance(answer, TextRecord)
    assert "5" in answer
    assert answer.fields["data"] == {"sum": 5}


async def test_a_tool_answers_text(server: Spell) -> None:
    """Text alone is text."""
    assert await called(server, "say", {"text": "hoo"}) == "it says hoo"


async def test_a_tool_answers_an_image(server: Spell) -> None:
    """An image is what an image is everywhere."""
    answer = await called(server, "draw")
    assert answer == {"type": "image", "data": PIXEL, "mime_type": "image/png"}


async def test_a_tool_answers_several_parts(server: Spell) -> None:
    """Parts of several kinds are a list."""
    answer = await called(server, "show")
    note = {"type": "resource", "uri": "memo://1", "mime_type": "text/plain", "text": "the note"}
    assert answer == ["both:", {"type": "image", "data": PIXEL, "mime_type": "image/png"}, note]


async def test_a_tool_that_fails_says_why(server: Spell) -> None:
    """What the server calls an error is a failed tool."""
    with pytest.raises(ToolError, match=r"the tool `notes_fail` failed: .*no owls") as caught:
        await called(server, "fail", {"why": "no owls"})
    assert caught.value.tool == "notes_fail"


async def test_the_tools_stand_among_the_runs_own(server: Spell) -> None:
    """After connecting they are called by name."""
    handle = await server.connect("notes")
    tools = [await server.ask(it, "schema") for it in await server.ask(handle, "tools")]
    names = [tool["name"] for tool in tools]
    assert names[:3] == ["notes_add", "notes_say", "notes_draw"]
    assert tools[0]["description"] == "Add two numbers."
    assert set(names) < set(await server.ask("tools", "list"))
    assert await server.ask("tools", "notes_say", "hoo") == "it says hoo"
    one = await server.ask(handle, "tool", "say")
    assert await server.ask(one, "execute", {"text": "again"}) == "it says again"


async def test_resources_are_listed_and_read(server: Spell) -> None:
    """Text is a text with fields, bytes are bytes."""
    handle = await server.connect("notes")
    found = {it["uri"]: it for it in await server.ask(handle, "resources")}
    assert found["memo://today"]["name"] == "today"
    assert found["memo://today"]["description"] == "A memo"
    text = await server.ask(handle, "read_resource", "memo://today")
    assert text == "feed the owl"
    assert (text.fields["uri"], text.fields["mime_type"]) == ("memo://today", "text/plain")
    data = await server.ask(handle, "read_resource", "memo://pixel")
    assert data == {"uri": "memo://pixel", "mime_type": "image/png", "data": PIXEL}


async def test_a_resource_that_is_not_there_is_refused(server: Spell) -> None:
    """The server's own words are told."""
    handle = await server.connect("notes")
    with pytest.raises(ToolError, match=r"the MCP server `notes` refused: .*memo://no"):
        await server.ask(handle, "read_resource", "memo://no")


async def test_prompts_are_listed_and_made(server: Spell) -> None:
    """A prompt's messages are those of a model's request."""
    handle = await server.connect("notes")
    (prompt,) = await server.ask(handle, "prompts")
    assert prompt["name"] == "greet"
    assert prompt["arguments"] == [{"name": "who", "required": True}]
    made = await server.ask(handle, "get_prompt", "greet", {"who": "Ada"})
    assert made["messages"] == [{"role": "user", "content": "Say hello to Ada"}]


async def test_a_server_says_what_it_is(server: Spell) -> None:
    """Its name, its version and what it wants to be known."""
    info = await server.ask(await server.connect("notes"), "info")
    assert (info["name"], info["server"], info["version"]) == ("notes", "Notes", "7.0")
    assert info["instructions"] == "Read before you write."
    assert info["left_out"] == {}


async def test_a_closed_server_says_so(server: Spell) -> None:
    """Its tools are still known, and cannot be called; connecting again helps."""
    handle = await server.connect("notes")
    await server.ask(handle, "close")
    with pytest.raises(ToolError, match="the MCP server `notes` is closed"):
        await server.ask("tools", "notes_say", "hoo")
    assert await called(server, "say", {"text": "hoo"}) == "it says hoo"
    assert await server.ask("tools", "notes_say", "hoo") == "it says hoo"


async def test_arguments_are_checked_before_the_server_sees_them(notes: Spell) -> None:
    """What does not fit the server's schema is no call."""
    with pytest.raises(ValidationError, match=r"bad argument `a` to `tools.notes_add`"):
        await called(notes, "add", {"a": "two", "b": 3})


async def test_an_unknown_tool_is_named(notes: Spell) -> None:
    """The nearest one is suggested."""
    with pytest.raises(ValidationError, match="has no tool `sai`; did you mean `say`"):
        await called(notes, "sai")


async def test_a_server_needs_a_permission_by_its_name(spells: Callable[..., Spell]) -> None:
    """Another one's grant does not help; nothing was started."""
    spell = spells(
        {"raw": {"command": "/nowhere"}}, permissions=Permissions(mcp=("other",), tool=True)
    )
    with pytest.raises(PermissionDeniedError, match="--allow-mcp=raw"):
        await spell.connect()
    none = spells({"raw": {"command": "/nowhere"}}, permissions=Permissions(tool=True))
    with pytest.raises(PermissionDeniedError, match="--allow-mcp=raw"):
        await none.connect()


async def test_a_grant_that_is_taken_back_ends_the_calls(notes: Spell) -> None:
    """Every call asks, and every resource and prompt."""
    handle = await notes.connect("notes")
    notes.session.permissions = Permissions()
    for method, *args in (
        ("call", "say", {"text": "hoo"}),
        ("resources",),
        ("read_resource", "memo://today"),
        ("prompts",),
        ("get_prompt", "greet", {"who": "Ada"}),
    ):
        with pytest.raises(PermissionDeniedError, match="--allow-mcp"):
            await notes.ask(handle, method, *args)


async def test_one_servers_grant_is_not_anothers(notes: Spell) -> None:
    """The permission of every request is that of the server's name."""
    handle = await notes.connect("notes")
    notes.session.permissions = Permissions(mcp=("other",))
    for method, *args in (("resources",), ("read_resource", "memo://today"), ("prompts",)):
        with pytest.raises(PermissionDeniedError, match="--allow-mcp=notes"):
            await notes.ask(handle, method, *args)


async def test_calls_count_in_the_budget(spell: Callable[..., Spell]) -> None:
    """A server's tool is a tool."""
    run = spell(tool_calls=1)
    assert await run.tool("echo", a=1) == '{"a": 1}'
    with pytest.raises(BudgetError, match="1 tool call"):
        await run.tool("echo")


async def test_calls_are_recorded(spell: Callable[..., Spell]) -> None:
    """The record has the tool's name in this run, and its answer."""
    run = spell()
    await run.tool("echo", a=1)
    (event,) = [it for it in run.events if it["event"] == "tool"]
    assert (event["tool"], event["args"]) == ("raw_echo", {"a": 1})
    assert (event["outcome"], event["answer"]) == ("ok", '{"a": 1}')


async def test_the_configured_servers_are_listed(spells: Callable[..., Spell]) -> None:
    """Their names, and nothing else of them; an unknown one is refused."""
    spell = spells({"time": {"command": "a"}, "far": {"url": "https://b"}})
    assert await spell.ask("mcp", "servers") == ["far", "time"]
    with pytest.raises(ValidationError, match="no MCP server `tim` is configured; did you mean"):
        await spell.connect("tim")
    with pytest.raises(ValidationError, match=r"add \[mcp.NAME\]"):
        await spells({}).connect("time")


async def test_connecting_twice_is_one_server(spell: Callable[..., Spell]) -> None:
    """The run has one connection to each."""
    run = spell()
    first, second = await run.connect(), await run.connect()
    assert first.id == second.id
    assert await run.tool("pid") == await run.tool("pid")
