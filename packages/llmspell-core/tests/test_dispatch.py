"""What happens to one call of a script."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import (
    Bridge,
    Budget,
    BudgetError,
    InternalError,
    Ledger,
    LimitError,
    Limits,
    PermissionDeniedError,
    Permissions,
    Session,
    ValidationError,
    method,
)
from llmspell_core.dispatch import call
from llmspell_core.values import BuilderRef, CallbackRef, HandleRef

if TYPE_CHECKING:
    from conftest import Demo

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["Ada"], "Hello Ada"),
        (["Ada", {"loud": True, "times": 2}], "Hello Ada!!"),
        ([{"who": "Ada", "loud": True}], "Hello Ada!"),
        (["Ada", {"loud": None}], "Hello Ada"),
        (["Ada", {"loud": True, "times": 3.0}], "Hello Ada!!!"),
    ],
)
async def test_arguments_are_taken_by_position_by_name_or_both(
    session: Session, args: list[Any], expected: str
) -> None:
    """Positional values, one trailing map, or a single map of names give the same call."""
    assert await call(session, "demo", "greet", args) == expected


@pytest.mark.parametrize(
    ("method", "args", "message"),
    [
        ("greet", [1], "bad argument `who` to `demo.greet`: expected string, got integer"),
        ("greet", [], "missing argument `who` of `demo.greet`"),
        (
            "greet",
            ["a", {"lod": 1}],
            "unknown argument `lod` of `demo.greet`; did you mean `loud`?",
        ),
        ("greet", ["a", "b", "c"], "`demo.greet` takes at most 1 positional argument, got 3"),
        ("greet", ["a", {"who": "b"}], "argument `who` of `demo.greet` is given twice"),
        ("greet", ["a", {"times": 1.5}], "bad argument `times` to `demo.greet`: expected integer"),
        ("greet", ["a", {"loud": 1}], "bad argument `loud` to `demo.greet`: expected boolean"),
        ("names", [["a", 2]], "bad argument `names[1]` to `demo.names`: expected string, got int"),
        ("gret", [], "unknown method `demo.gret`; did you mean `greet`?"),
    ],
)
async def test_a_wrong_call_names_the_argument(
    session: Session, method: str, args: list[Any], message: str
) -> None:
    """The message says what, where, and the nearest right name."""
    with pytest.raises(ValidationError) as caught:
        await call(session, "demo", method, args)
    assert message in str(caught.value)
    assert caught.value.bridge == "demo"


async def test_an_unknown_bridge_is_named(session: Session) -> None:
    """The message lists the bridges that exist."""
    with pytest.raises(ValidationError, match="unknown bridge `dmo`; did you mean `demo`"):
        await call(session, "dmo", "greet", ["Ada"])


@pytest.mark.parametrize(
    ("method", "args", "expected"),
    [("blob", ["héllo"], 6), ("blob", [b"\xff"], 1), ("names", [{}], [])],
)
async def test_the_type_decides_what_a_language_cannot_tell_apart(
    session: Session, method: str, args: list[Any], expected: object
) -> None:
    """Text satisfies bytes, and an empty map satisfies a list."""
    assert await call(session, "demo", method, args) == expected


async def test_a_handle_keeps_its_object(session: Session) -> None:
    """A returned object has a number; its methods and other methods take it."""
    made = await call(session, "demo", "counter", [])
    assert isinstance(made, HandleRef)
    assert (made.type, made.methods) == ("counter", {"add": 0})
    assert await call(session, made.id, "add", [2]) == 2
    assert await call(session, "demo", "peek", [made]) == 2
    with pytest.raises(ValidationError, match="`counter:drop`"):
        await call(session, made.id, "drop", [])


async def test_a_forged_handle_is_refused(session: Session) -> None:
    """A number that the run was never given names nothing."""
    with pytest.raises(ValidationError, match="no object has the handle 99"):
        await call(session, 99, "add", [])
    with pytest.raises(ValidationError, match="no object has the handle 99"):
        await call(session, "demo", "peek", [HandleRef(99)])


async def test_an_object_of_the_wrong_type_is_refused(session: Session) -> None:
    """A stream is no counter, and the message says so."""
    stream = await call(session, "demo", "count", [1])
    with pytest.raises(ValidationError, match="expected counter, got stream"):
        await call(session, "demo", "peek", [stream])


async def _pull(session: Session, stream: Any, count: int = 64) -> Any:
    return await call(session, stream.id, "next", [count])


async def test_a_stream_hands_over_at_most_the_credits(session: Session) -> None:
    """Items come in order, never more than asked for, and the end is told once."""
    stream = await call(session, "demo", "count", [5])
    seen: list[str] = []
    while True:
        batch = await _pull(session, stream, 2)
        assert len(batch["items"]) <= 2
        seen += batch["items"]
        if batch["done"]:
            break
    assert seen == ["0", "1", "2", "3", "4"]


async def test_items_before_a_streams_error_arrive(session: Session) -> None:
    """The error comes after the last item, and only once."""
    stream = await call(session, "demo", "count", [2, {"fail": True}])
    seen: list[str] = []
    with pytest.raises(InternalError, match="the source broke"):  # noqa: PT012 - batches vary
        while True:
            seen += (await _pull(session, stream))["items"]
    assert seen == ["0", "1"]
    with pytest.raises(ValidationError, match="it was closed"):
        await _pull(session, stream)


async def test_a_stream_reads_ahead_no_further_than_its_credits(session: Session) -> None:
    """A slow script makes a fast source wait."""
    stream = await call(session, "demo", "count", [10_000])
    await _pull(session, stream, 1)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert session.handles.get(stream.id)._queue.qsize() <= 64  # type: ignore[attr-defined]


async def test_releasing_a_stream_closes_its_source(session: Session, demo: Demo) -> None:
    """Leaving early ends the generator underneath."""
    stream: Any = await call(session, "demo", "count", [10_000])
    await _pull(session, stream, 1)
    await session.handles.release(stream.id)
    assert demo.left_early == 1
    with pytest.raises(ValidationError, match="it was closed"):
        await _pull(session, stream)


class Source:
    """A stream that is no generator, and holds something from the start."""

    def __init__(self) -> None:
        self.left, self.closed = 2, 0

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left

    async def aclose(self) -> None:
        self.closed += 1


class Sources(Bridge):
    """Gives a stream that it keeps."""

    name = "sources"

    def __init__(self, source: Source) -> None:
        self._source = source

    @method(example={})
    async def open_one(self) -> Any:
        """Give it."""
        return self._source


@pytest.mark.parametrize("read", [0, 1, 2, 3])
async def test_a_source_is_closed_once(read: int) -> None:
    """Never read, left early or read to its end: what a stream reads from is closed one time."""
    source = Source()
    session = Session(bridges={"sources": Sources(source)})
    stream: Any = await call(session, "sources", "open_one", [])
    for _ in range(read):
        await _pull(session, stream, 1)
    await session.close()
    assert source.closed == 1


async def test_a_callback_runs_in_the_script(session: Session) -> None:
    """A bridge awaits the script's function; its answer comes back."""

    async def invoker(number: int, args: Any) -> Any:
        return [number, *args]

    session.invoker = invoker
    plan = BuilderRef("demo", "plan", ["t"], [("add_step", ["one", CallbackRef(7, "f")])])
    answer = await call(session, "demo", "plan.run", [plan, 4])
    assert answer == {"title": "t", "done": {"one": [7, 4]}}


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (BuilderRef("demo", "plan", ["t"], [("add_stp", [])]), "unknown step `demo.plan:add_stp`"),
        (BuilderRef("demo", "pln", ["t"], []), "unknown builder `demo.pln`; did you mean `plan`?"),
        (BuilderRef("demo", "plan", [1], []), "bad argument `title` to `demo.plan`"),
        (BuilderRef("demo", "plan", ["t"], [("add_step", [1])]), "to `demo.plan:add_step`"),
    ],
)
async def test_a_builder_is_checked_when_it_arrives(
    session: Session, builder: BuilderRef, message: str
) -> None:
    """Its arguments and each step are validated like any call."""
    with pytest.raises(ValidationError) as caught:
        await call(session, "demo", "plan.run", [builder, 1])
    assert message in str(caught.value)


async def test_what_is_not_granted_is_refused_with_its_flag(session: Session) -> None:
    """A denial names the option that would allow it."""
    with pytest.raises(PermissionDeniedError) as caught:
        await call(session, "demo", "read", ["notes.txt"])
    assert caught.value.flag == "--allow-read=notes.txt"


async def test_a_grant_by_name_allows_that_name_alone(demo: Demo) -> None:
    """Another name is refused, with the flag for it."""
    session = Session(bridges={"demo": demo}, permissions=Permissions(read=("a.txt",)))
    assert await call(session, "demo", "read", ["a.txt"]) == "a.txt"
    with pytest.raises(PermissionDeniedError) as caught:
        await call(session, "demo", "read", ["b.txt"])
    assert caught.value.flag == "--allow-read=b.txt"


async def test_an_undeclared_effect_is_refused(demo: Demo) -> None:
    """A method that uses what it does not declare is a mistake of its bridge's."""
    session = Session(bridges={"demo": demo}, permissions=Permissions.everything())
    with pytest.raises(InternalError, match="`net` without declaring it"):
        await call(session, "demo", "sneaky", [])


async def test_a_bridges_mistake_is_internal_and_keeps_its_cause(session: Session) -> None:
    """The script sees a typed error; the host keeps the exception."""
    with pytest.raises(InternalError, match=r"`demo\.crash` failed: KeyError") as caught:
        await call(session, "demo", "crash", [])
    assert isinstance(caught.value.__cause__, KeyError)


async def test_after_a_limit_every_call_is_refused(session: Session) -> None:
    """What the script catches does not matter any more."""
    session = Session(bridges=session.bridges, limits=Limits(log_bytes=5))
    session.log("log", "too long")
    for _ in range(2):
        with pytest.raises(LimitError) as caught:
            await call(session, "demo", "greet", ["Ada"])
        assert caught.value.limit == "log"


async def test_too_many_handles_end_the_run(demo: Demo) -> None:
    """The limit names itself, and stays."""
    session = Session(bridges={"demo": demo}, limits=Limits(handles=2))
    await call(session, "demo", "counter", [])
    await call(session, "demo", "counter", [])
    with pytest.raises(
        LimitError, match="more than 2 objects at once; raise it with --max-handles"
    ):
        await call(session, "demo", "counter", [])
    assert session.fatal is not None


async def test_an_object_beyond_the_limit_is_closed_with_the_others(demo: Demo) -> None:
    """It was made already when it was refused, and leaves with the run."""
    session = Session(bridges={"demo": demo}, limits=Limits(handles=1))
    await call(session, "demo", "counter", [])
    with pytest.raises(LimitError):
        await call(session, "demo", "counter", [])
    await session.close()
    assert [counter.closed for counter in demo.counters] == [1, 1]


async def test_a_spent_budget_ends_the_run(session: Session) -> None:
    """A budget error is told to the session, so that it cannot be caught away."""
    ledger = Ledger(Budget(llm_calls=1))
    ledger.reserve()
    with pytest.raises(BudgetError, match="1 LLM calls") as caught:
        ledger.reserve()
    session.fail(caught.value)
    with pytest.raises(BudgetError):
        await call(session, "demo", "greet", ["Ada"])


@pytest.mark.parametrize("ms", [-1, "x", True, float("nan"), 10**12, None])
async def test_sleep_takes_milliseconds_of_at_most_a_day(session: Session, ms: object) -> None:
    """Anything else is refused by name."""
    with pytest.raises(ValidationError, match=r"util\.sleep"):
        await call(session, "runtime", "sleep", [ms])  # type: ignore[list-item]  # on purpose


async def test_every_call_is_recorded(demo: Demo) -> None:
    """The recorder sees the call, its arguments, its outcome and its duration."""
    events: list[dict[str, Any]] = []
    session = Session(bridges={"demo": demo}, recorder=events.append)
    await call(session, "demo", "greet", ["Ada"])
    with pytest.raises(InternalError):
        await call(session, "demo", "crash", [])
    assert [(e["call"], e["outcome"]) for e in events] == [
        ("demo.greet", "ok"),
        ("demo.crash", "internal"),
    ]
    assert events[0]["answer"] == "Hello Ada"


async def test_a_finished_run_holds_nothing(session: Session) -> None:
    """Closing the session closes every handle."""
    made = [await call(session, "demo", "counter", []) for _ in range(2)]
    counters: list[Any] = [session.handles.get(ref.id) for ref in made]  # type: ignore[union-attr]  # references
    await session.close()
    assert len(session.handles) == 0
    assert [counter.closed for counter in counters] == [1, 1]
