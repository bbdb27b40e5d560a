"""An engine whose interpreter blocks: what its threads may do, and the end of them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import (
    BlockingEngine,
    BlockingSession,
    Bridge,
    CallbackRef,
    CancelledSpellError,
    ConversionError,
    EngineConfig,
    EngineInfo,
    Foreign,
    InternalError,
    LimitError,
    Limits,
    LlmspellError,
    Permissions,
    ScriptRuntimeError,
    Session,
    TextRecord,
    UnsupportedError,
    ValidationError,
    blocking,
    method,
)
from llmspell_core.values import HandleRef

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

pytestmark = pytest.mark.anyio

place: ContextVar[str] = ContextVar("place", default="nowhere")
RECORD = TextRecord("text", {"field": 1})


class Depot(Bridge):
    """Gives what it holds, and remembers who waited for it."""

    name = "depot"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.left = 0
        self.holds: Any = None

    @method()
    async def wait(self) -> None:
        """Never answer."""
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left += 1

    @method()
    async def place(self) -> str:
        """Say where the caller is."""
        return place.get()

    @method()
    async def give(self) -> Any:
        """Give what it holds."""
        return self.holds

    @method()
    async def take(self, item: Any) -> str:
        """Take something."""
        return type(item).__name__

    @method()
    async def spend(self) -> None:
        """Go beyond a limit."""
        raise LimitError("that was too much", limit="handles", value=1, option=None)


class Blocked(BlockingEngine):
    """Evaluates the Python function that it is given."""

    info = EngineInfo(name="blocked", language="Blocked", version="1", suffixes=(".blocked",))

    def __init__(self, body: Callable[[BlockingSession], Any]) -> None:
        super().__init__(EngineConfig(isolation="inproc"))
        self.body = body

    async def check_syntax(self, script: str, name: str) -> None:
        """Accept everything."""

    def evaluate(self, script: str, params: dict[str, Any], session: BlockingSession) -> Any:
        return self.body(session)


class Rich(Blocked):
    """Offers all that a value may need."""

    info = EngineInfo(
        name="rich",
        language="Rich",
        version="1",
        suffixes=(".rich",),
        capabilities=frozenset({"binary", "callbacks", "hard_timeout", "int64", "text_records"}),
    )


class Alone(Blocked):
    """Has one thread."""

    threads = 1


@pytest.fixture
def depot() -> Depot:
    """Make a bridge."""
    return Depot()


@pytest.fixture
def printed() -> list[tuple[str, str]]:
    """Keep what runs print."""
    return []


@pytest.fixture
async def session(depot: Depot, printed: list[tuple[str, str]]) -> AsyncIterator[Session]:
    """Make a run with the bridge, low limits, and a variable that is granted."""
    run = Session(
        bridges={"depot": depot},
        limits=Limits(log_bytes=1000, result_bytes=1000),
        env={"LANG": "C"},
        permissions=Permissions(env=("LANG", "UNSET")),
        on_log=lambda level, text: printed.append((level, text)),
    )
    yield run
    await run.close()


async def run(
    body: Callable[[BlockingSession], Any],
    session: Session,
    *,
    kind: type[Blocked] = Blocked,
    **params: Any,
) -> Any:
    """Evaluate a function as a script."""
    async with kind(body) as engine:
        return await engine.execute("", params, session=session)


def until_ended(session: BlockingSession) -> None:
    """Do as a busy script does whose interpreter looks whether it should go on."""
    while not session.ended:
        threading.Event().wait(0.001)


async def test_the_loop_goes_on_while_a_script_blocks(session: Session) -> None:
    """A script that blocks until the event loop has done something ends with its result."""
    loop, done = asyncio.get_running_loop(), threading.Event()

    def body(_: BlockingSession) -> bool:
        loop.call_soon_threadsafe(done.set)
        return done.wait(30)

    assert await run(body, session) is True


async def test_a_call_is_answered_in_the_runs_context(session: Session) -> None:
    """A bridge is called with the context variables of whoever runs the script."""
    token = place.set("here")
    try:
        assert await run(lambda own: own.call("depot", "place", []), session) == "here"
    finally:
        place.reset(token)


async def test_the_latest_error_of_the_host_is_kept(session: Session) -> None:
    """An error that the host raises into the thread is remembered, with its type."""

    def body(own: BlockingSession) -> bool:
        with pytest.raises(ValidationError) as caught:
            own.call("depot", "nosuch", [])
        return own.error is caught.value

    assert await run(body, session) is True


async def test_cancelling_ends_the_thread_and_its_call(session: Session, depot: Depot) -> None:
    """When a run is cancelled its open call is, the thread is told, and both are waited for."""
    seen: list[str] = []

    def body(own: BlockingSession) -> None:
        try:
            own.call("depot", "wait", [])
        except CancelledSpellError as error:
            seen.append(error.kind)

    running = asyncio.ensure_future(run(body, session))
    await depot.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (seen, depot.left) == (["cancelled"], 1)


@pytest.mark.parametrize("what", ["call", "log", "env"])
async def test_what_is_asked_for_after_the_end_is_refused(session: Session, what: str) -> None:
    """A script that goes on after its run was cancelled reaches nothing of the host."""
    started, refused = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def body(own: BlockingSession) -> None:
        loop.call_soon_threadsafe(started.set)
        until_ended(own)
        arguments = {"call": ("depot", "place", []), "log": ("log", ["late"]), "env": ("LANG",)}
        try:
            getattr(own, what)(*arguments[what])
        except CancelledSpellError as error:
            refused.append(error.message)

    running = asyncio.ensure_future(run(body, session))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert refused == ["spell: the run is over: it was cancelled, or its engine was closed"]


async def test_a_thread_that_does_not_look_is_left(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that nothing can end keeps nobody waiting for ever."""
    monkeypatch.setattr(blocking, "CLOSE_TIMEOUT_S", 0.01)
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def body(_: BlockingSession) -> bool:
        loop.call_soon_threadsafe(started.set)
        return release.wait(30)

    running = asyncio.ensure_future(run(body, session))
    await started.wait()
    running.cancel()
    try:
        with pytest.raises(asyncio.CancelledError):
            await running
    finally:
        release.set()


async def test_closing_the_engine_ends_what_runs(session: Session) -> None:
    """A run is told that its engine was closed, and its thread ends."""
    started, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def body(own: BlockingSession) -> None:
        loop.call_soon_threadsafe(started.set)
        until_ended(own)
        ended.set()

    engine = Blocked(body)
    running = asyncio.ensure_future(engine.execute("", session=session))
    await started.wait()
    await engine.close()
    assert ended.is_set()
    with pytest.raises(CancelledSpellError, match="its engine was closed"):
        await running


async def test_a_run_that_is_cancelled_before_its_turn_never_begins(session: Session) -> None:
    """A script that waits for a thread is not evaluated any more once nobody waits for it."""
    release, begun = threading.Event(), []

    def body(_: BlockingSession) -> None:
        begun.append(1)
        release.wait(30)

    async with Alone(body) as engine:
        first = asyncio.ensure_future(engine.execute("", session=session))
        second = asyncio.ensure_future(engine.execute("", session=session))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        release.set()
        await first
    assert begun == [1]


async def test_who_prints_too_much_is_ended(
    session: Session, printed: list[tuple[str, str]]
) -> None:
    """A script that catches all errors and prints on is ended by the limit of its log."""

    def body(own: BlockingSession) -> str:
        while not own.ended:
            with suppress(LlmspellError):
                own.log("info", ["x" * 84])
        return "went on"

    with pytest.raises(LimitError, match="printed more than"):
        await run(body, session)
    assert printed == [("info", "x" * 84)] * 10


async def test_a_limit_ends_a_script_that_catches_it(session: Session) -> None:
    """What ends the run in a call ends it also where the script catches the error."""

    def body(own: BlockingSession) -> str:
        with suppress(LlmspellError):
            own.call("depot", "spend", [])
        return "went on"

    with pytest.raises(LimitError, match="that was too much"):
        await run(body, session)


async def test_a_busy_script_is_ended_from_outside(session: Session) -> None:
    """A run that the host fails ends although its script makes no call."""
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def body(own: BlockingSession) -> None:
        loop.call_soon_threadsafe(started.set)
        until_ended(own)

    running = asyncio.ensure_future(run(body, session))
    await started.wait()
    session.fail(Limits(cpu_s=1).exceeded("cpu"))
    with pytest.raises(LimitError, match="processor time"):
        await running


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


async def test_an_engines_mistake_is_an_error_of_the_tree(session: Session) -> None:
    """An error that is none of ours says whose it is."""
    with pytest.raises(InternalError, match="the engine `blocked` failed: ZeroDivisionError"):
        await run(lambda _: 1 / 0, session)


async def test_a_scripts_failure_is_raised_as_it_is(session: Session) -> None:
    """What the engine raises of the script's failure is what the caller gets."""

    def body(_: BlockingSession) -> None:
        raise ScriptRuntimeError("boom")

    with pytest.raises(ScriptRuntimeError, match=r"^boom$"):
        await run(body, session)


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
