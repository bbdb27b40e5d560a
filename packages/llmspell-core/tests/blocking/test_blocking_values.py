"""What goes in and out of an engine whose interpreter blocks: values, variables, prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from blocked import RECORD, Depot, Rich, run

from llmspell_core import (
    BlockingSession,
    CallbackRef,
    ConversionError,
    Foreign,
    LimitError,
    Limits,
    Session,
    UnsupportedError,
)
from llmspell_core.values import HandleRef

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio


async def test_the_environment_warns_once(session: Session, printed: list[tuple[str, str]]) -> None:
    """A variable that was not granted is warned of once, one that is granted never."""

    def body(own: BlockingSession) -> Any:
        return [own.env(name) for name in ("HOME", "LANG", "UNSET", "HOME")] + [own.env()]

    assert await run(body, session) == [None, "C", None, None, {"LANG": "C"}]
    assert printed == [("warn", "env.HOME is not granted; allow it with --allow-env=HOME")]


async def test_the_environment_is_a_copy(session: Session) -> None:
    """A script that changes the variables it was given changes nothing."""

    def body(own: BlockingSession) -> Any:
        own.env()["LANG"] = "changed"
        return own.env("LANG")

    assert await run(body, session) == "C"


@pytest.mark.parametrize(
    ("result", "path", "what"),
    [
        ({"a": [Foreign("struct")]}, "a[0]", "a struct cannot cross"),
        ([CallbackRef(1)], "[0]", "a function means nothing outside the run"),
        ({"a b": HandleRef(1)}, '["a b"]', "a handle means nothing outside the run"),
        ([1 << 70], "[0]", "does not fit in 64 bits"),
    ],
)
async def test_a_result_holds_values_alone(
    session: Session, result: Any, path: str, what: str
) -> None:
    """What cannot leave a run is refused by its place in the result."""
    with pytest.raises(ConversionError, match=what) as caught:
        await run(lambda _: result, session, kind=Rich)
    assert caught.value.path == path


@pytest.mark.parametrize("result", ["x" * 1001, [0] * 1001, {"x" * 1001: 1}])
async def test_a_result_is_bounded(session: Session, result: Any) -> None:
    """A result larger than the limit ends the run with that limit."""
    with pytest.raises(LimitError, match="returned more than 1000 bytes"):
        await run(lambda _: result, session)


async def test_a_result_is_bounded_as_a_message_is() -> None:
    """A limit above the bound of one message does not raise that."""
    session = Session(limits=Limits(result_bytes=2**40))
    with pytest.raises(ConversionError, match="the spell's result cannot be larger than 16 MiB"):
        await run(lambda _: "x" * 17_000_000, session)


async def test_a_record_leaves_as_its_fields(session: Session) -> None:
    """A text with fields becomes them as a result."""
    assert await run(lambda _: [RECORD], session, kind=Rich) == [{"field": 1, "content": "text"}]


OFFERS = [
    ("binary", b"x"),
    ("int64", 2**53 + 1),
    ("text_records", RECORD),
    ("callbacks", CallbackRef(1)),
    ("handles", HandleRef(1, "counter")),
]


@pytest.mark.parametrize(("capability", "value"), OFFERS)
async def test_an_argument_that_the_engine_declines_is_refused(
    session: Session, capability: str, value: Any
) -> None:
    """A call whose arguments need what the engine has not is refused before it is made."""
    with pytest.raises(UnsupportedError, match=f"it declines {capability} ") as caught:
        await run(lambda own: own.call("depot", "take", [{"deep": [value]}]), session)
    assert caught.value.capability == capability


@pytest.mark.parametrize(("capability", "value"), [*OFFERS[:3], ("streams", None)])
async def test_an_answer_that_the_engine_declines_is_refused(
    session: Session, depot: Depot, capability: str, value: Any
) -> None:
    """The script does not get an answer that its engine cannot hold."""

    async def stream() -> AsyncIterator[int]:
        yield 1

    depot.holds = [value] if value is not None else stream()
    with pytest.raises(UnsupportedError, match=f"it declines {capability} "):
        await run(lambda own: own.call("depot", "give", []), session)


async def test_a_parameter_that_the_engine_declines_is_refused(session: Session) -> None:
    """The script does not begin with a parameter that its engine cannot hold."""
    with pytest.raises(UnsupportedError, match="it declines binary "):
        await run(lambda _: "began", session, data=b"x")


@pytest.mark.parametrize("value", [b"x", 2**53 + 1, RECORD])
async def test_what_the_engine_offers_passes(session: Session, depot: Depot, value: Any) -> None:
    """Values that need a capability pass where the engine has it."""
    depot.holds = value

    def body(own: BlockingSession) -> Any:
        return own.call("depot", "take", [own.call("depot", "give", [])])

    assert await run(body, session, kind=Rich) == type(value).__name__


async def test_an_engine_says_what_it_declines(session: Session) -> None:
    """A feature that a script asks for is refused in the one sentence there is for that."""
    with pytest.raises(UnsupportedError) as caught:
        await run(lambda own: own.decline("builders"), session)
    assert str(caught.value) == (
        "the engine `blocked` cannot do this: it declines builders "
        "(objects can be composed in the script and sent whole)"
    )


async def test_the_isolation_is_told_where_it_is_why() -> None:
    """A capability that the engine has at another isolation is declined at this one."""
    with pytest.raises(UnsupportedError, match="`rich` at isolation `inproc` cannot do this"):
        Rich(lambda _: None).set_timeout(1.0)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["a", 1, True, None, 1.5], "a 1 true null 1.5"),
        ([{"b": [1, "x"], "a": "ü"}, {}], '{"a":"ü","b":[1,"x"]} {}'),
        ([Foreign("struct"), Foreign("struct", "struct(a=1)")], "<struct> struct(a=1)"),
        ([[Foreign("struct")], CallbackRef(1, "f")], '["<struct>"] <function f>'),
        ([{1: "a", "b": 2}], "{1: 'a', 'b': 2}"),
        ([], ""),
    ],
)
async def test_values_are_printed_as_people_read_them(
    session: Session, printed: list[tuple[str, str]], values: list[Any], text: str
) -> None:
    """Text is shown as it is, lists and maps as JSON with sorted keys, the rest somehow."""
    await run(lambda own: own.log("log", values), session)
    assert printed == [("log", text)]


async def test_a_cycle_is_printed_somehow(session: Session, printed: list[tuple[str, str]]) -> None:
    """A value that contains itself does not fail."""
    cycle: list[Any] = []
    cycle.append(cycle)
    await run(lambda own: own.log("log", [cycle]), session)
    assert printed == [("log", "[[...]]")]


async def test_what_is_printed_at_once_is_bounded() -> None:
    """A print has the bound of one message, whatever the limit."""
    session = Session(limits=Limits(log_bytes=2**40))
    with pytest.raises(ConversionError, match="what is printed at once cannot be larger than 16"):
        await run(lambda own: own.log("log", ["x" * 17_000_000]), session)
