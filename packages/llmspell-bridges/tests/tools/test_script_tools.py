"""Tools that a script defines, as it calls them."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from llmspell_core import (
    BudgetError,
    InternalError,
    ScriptRuntimeError,
    TextRecord,
    ToolError,
    UnsupportedError,
    ValidationError,
)
from llmspell_core.errors import Frame

pytestmark = pytest.mark.anyio
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
SUM = {
    "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}, "c": {"type": "array"}},
    "required": ["a", "b"],
}


async def test_a_defined_tool_is_called_by_its_name(script: Any) -> None:
    """By position, by name, through `execute`, and through what `define` gave."""
    tool = await script.define("shout", lambda args: args["text"].upper(), parameters=TEXT)
    assert await script.ask("tools", "shout", "hi") == "HI"
    assert await script.ask("tools", "shout", {"text": "hi"}) == "HI"
    assert await script.ask("tools", "execute", "shout", {"text": "hi"}) == "HI"
    assert await script.ask(tool.id, "execute", {"text": "hi"}) == "HI"
    assert script.session.ledger.usage.tool_calls == 4


async def test_positions_are_those_of_required_first(script: Any) -> None:
    """The order of a table's keys is nobody's; a last table names the rest."""
    await script.define("sum", lambda args: args, parameters=SUM)
    assert await script.ask("tools", "sum", 1, 2) == {"a": 1, "b": 2}
    assert await script.ask("tools", "sum", 1, {"b": 2}) == {"a": 1, "b": 2}
    assert await script.ask("tools", "sum", 1, 2, [3]) == {"a": 1, "b": 2, "c": [3]}


async def test_a_table_names_arguments_unless_the_first_takes_one(script: Any) -> None:
    """One whose keys are no arguments is the argument itself."""
    query = {"properties": {"data": {}, "path": {"type": "string"}}, "required": ["data"]}
    await script.define("query", lambda args: args, parameters=query)
    assert await script.ask("tools", "query", {"data": {"x": 1}}) == {"data": {"x": 1}}
    assert await script.ask("tools", "query", {"x": 1}) == {"data": {"x": 1}}
    assert await script.ask("tools", "query", {"x": 1}, "p") == {"data": {"x": 1}, "path": "p"}


async def test_the_schema_decides_what_a_language_cannot_tell(script: Any) -> None:
    """1.0 is an integer, an empty table an empty list, a text record a text."""
    await script.define("sum", lambda args: args, parameters=SUM)
    answer = await script.ask("tools", "sum", {"a": 1.0, "b": 2, "c": {}})
    assert answer == {"a": 1, "b": 2, "c": []}
    assert type(answer["a"]) is int
    await script.define("shout", lambda args: args["text"].upper(), parameters=TEXT)
    assert await script.ask("tools", "shout", TextRecord("hi", {"n": 1})) == "HI"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([1], "bad argument `text` to `tools.shout`: 1 is not of type 'string'"),
        ([], "bad arguments to `tools.shout`: 'text' is a required property"),
        (["a", "b"], "`tools.shout` takes at most 1 argument: text; got 2"),
        (["a", {"text": "b"}], "argument `text` of `tools.shout` is given twice"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_before_the_call(
    script: Any, args: list[Any], said: str
) -> None:
    """Nothing is called or counted."""
    await script.define("shout", lambda args: args, parameters=TEXT)
    with pytest.raises(ValidationError) as caught:
        await script.ask("tools", "shout", *args)
    assert caught.value.message == said
    assert script.called == []
    assert script.session.ledger.usage.tool_calls == 0


async def test_functions_and_objects_are_no_arguments(script: Any) -> None:
    """A tool takes data; the error says which argument is none."""
    tool = await script.define("any", lambda args: args, parameters={"properties": {"x": {}}})
    for value in (script.function(print), tool):
        with pytest.raises(ValidationError, match=r"bad argument `x\[0\]` to `tools.any`: a tool"):
            await script.ask("tools", "any", {"x": [value]})


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"properties": {"x": {"type": "strng"}}}, r"not a JSON Schema at `\$.properties.x.type`"),
        ({"type": "array"}, r"its `type` is object, not 'array'"),
        ({"properties": {"x": {"$ref": "https://example.org/x"}}}, r"'https://example.org/x'"),
        ({"properties": {"x": {"$ref": "#/$defs/y"}}}, r"'#/\$defs/y', which is not in it"),
        ({"description": "x" * 300_000}, r"larger than 256 KiB"),
    ],
)
async def test_a_bad_schema_is_refused_at_once(
    script: Any, parameters: dict[str, Any], said: str
) -> None:
    """Before a model could be told of it."""
    with pytest.raises(ValidationError, match=rf"bad argument `parameters` .*: .*{said}"):
        await script.define("x", print, parameters=parameters)
    assert "x" not in await script.ask("tools", "list")


@pytest.mark.parametrize("name", ["a b", "1st", "x" * 65, "list", ""])
async def test_a_bad_name_is_refused(script: Any, name: str) -> None:
    """Providers take letters, digits, `_` and `-`; the bridge has names of its own."""
    with pytest.raises(ValidationError, match=r"bad argument `name` to `tools.define`"):
        await script.define(name, print)


async def test_defining_again_replaces(script: Any) -> None:
    """The newest definition is called."""
    await script.define("x", lambda _: 1)
    await script.define("x", lambda _: 2)
    assert await script.ask("tools", "x") == 2


async def test_a_call_waits_for_a_definition_under_way(script: Any) -> None:
    """JavaScript need not await `tools.define` before it calls the tool."""
    defined = asyncio.ensure_future(script.define("x", lambda _: 1))
    await asyncio.sleep(0)
    assert await script.ask("tools", "x") == 1
    await defined


async def test_a_handler_that_raises_is_a_failed_tool(script: Any) -> None:
    """The error names the tool and the cause, and has the script's line."""

    def broken(_: Any) -> None:
        raise ScriptRuntimeError("boom", traceback=[Frame("x.lua", 3)])

    await script.define("broken", broken)
    with pytest.raises(ToolError) as caught:
        await script.ask("tools", "broken")
    assert caught.value.message == "the tool `broken` failed: boom"
    assert caught.value.tool == "broken"
    assert caught.value.details["cause"] == {"kind": "runtime", "message": "boom"}
    assert str(caught.value.location) == "x.lua:3"


async def test_a_handler_that_takes_too_long_is_cancelled(script: Any) -> None:
    """The error says how long was waited."""
    ended = asyncio.Event()

    async def slow(_: Any) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    await script.define("slow", slow, timeout_s=0.01)
    with pytest.raises(ToolError, match=r"`slow` did not answer within 0.01 s"):
        await script.ask("tools", "slow")
    assert ended.is_set()


async def test_what_is_no_data_is_no_answer(script: Any) -> None:
    """A function, an object."""
    await script.define("odd", lambda _: {"x": object()})
    with pytest.raises(ToolError, match="`odd` answered a object: a tool answers data"):
        await script.ask("tools", "odd")


async def test_tool_calls_are_bounded(scripted: Any) -> None:
    """The one too many is not made, and the run is over."""
    script = scripted(tool_calls=1)
    await script.define("x", lambda _: 1)
    await script.ask("tools", "x")
    for _ in range(2):
        with pytest.raises(BudgetError, match=r"1 tool calls.*--max-tool-calls"):
            await script.ask("tools", "x")
    assert len(script.called) == 1


async def test_a_budget_hit_inside_a_handler_is_no_failure_of_the_tool(scripted: Any) -> None:
    """It ends the run, whatever the tool would make of it."""
    script = scripted(tool_calls=1)
    await script.define("inner", lambda _: 1)
    await script.define("outer", lambda _: script.ask("tools", "inner"))
    with pytest.raises(BudgetError):
        await script.ask("tools", "outer")


async def test_list_schema_validate_health(script: Any) -> None:
    """What there is, what it takes, whether arguments fit, whether it can be used."""
    tool = await script.define("shout", print, description="Loud", parameters=TEXT)
    assert "shout" in await script.ask("tools", "list")
    described = {"name": "shout", "description": "Loud", "parameters": TEXT}
    assert await script.ask("tools", "schema", "shout") == described
    assert await script.ask(tool.id, "schema") == described
    fits = await script.ask("tools", "validate", "shout", {"text": "x"})
    assert fits == {"valid": True, "errors": []}
    assert await script.ask("tools", "validate", "shout", {"text": 1}) == {
        "valid": False,
        "errors": ["bad argument `text` to `tools.shout`: 1 is not of type 'string'"],
    }
    assert await script.ask("tools", "health", "shout") == {"ok": True}
    assert script.called == []


async def test_an_unknown_tool_says_which_there_are(script: Any) -> None:
    """With the nearest name, if one is near."""
    await script.define("shout", print)
    for method, args in (("shuot", []), ("execute", ["shuot"]), ("schema", ["shuot"])):
        with pytest.raises(ValidationError, match="unknown tool `shuot`; did you mean `shout`"):
            await script.ask("tools", method, *args)


async def test_handlers_run_at_the_same_time(script: Any) -> None:
    """A call does not wait for another."""
    both = asyncio.Barrier(2)

    async def meet(_: Any) -> int:
        return await both.wait()

    await script.define("meet", meet)
    met = await asyncio.gather(script.ask("tools", "meet"), script.ask("tools", "meet"))
    assert sorted(met) == [0, 1]


async def test_without_jsonschema_no_tool_is_defined(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how to install it."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    with pytest.raises(UnsupportedError, match=r"llmspell-bridges\[tools\]"):
        await script.define("x", print)


async def test_an_unknown_handler_is_the_hosts_mistake(script: Any) -> None:
    """What a session cannot call is told as the tool's failure, with its kind."""
    await script.define("x", print)
    script.session.invoker = None
    with pytest.raises(ToolError) as caught:
        await script.ask("tools", "x")
    assert caught.value.details["cause"]["kind"] == InternalError.kind
