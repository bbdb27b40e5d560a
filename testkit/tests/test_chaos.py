"""Chaos strikes where its seed says, and a bridge's metadata knows nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from llmspell_core import Bridge, Handle, LlmspellError, NetworkError, Session, method, methods_of
from llmspell_core.dispatch import call
from llmspell_testkit import ContractBridge, chaos, dice_of


class Box(Handle):
    """An object that the bridge opens."""

    type_name = "box"

    def __init__(self, bridge: Boxes) -> None:
        self.bridge = bridge
        bridge.open_boxes += 1

    @method()
    async def look(self) -> str:
        """Look into it."""
        return "empty"

    async def close(self) -> None:
        self.bridge.open_boxes -= 1


class Boxes(Bridge):
    """Opens boxes, one run at a time."""

    name = "boxes"
    scope = "run"
    dynamic = True

    def __init__(self) -> None:
        self.calls = 0
        self.open_boxes = 0
        self.open_streams = 0

    @method(example={"text": "a"})
    async def echo(self, text: Annotated[str, "What to give back"], *, twice: bool = False) -> str:
        """Give a text back."""
        self.calls += 1
        return text * (1 + twice)

    @method()
    async def box(self) -> Box:
        """Open a box."""
        return Box(self)

    @method()
    async def count(self, n: int) -> AsyncIterator[int]:
        """Count."""
        self.open_streams += 1
        try:
            for number in range(n):
                yield number
        finally:
            self.open_streams -= 1

    async def call_member(self, name: str, args: list[Any]) -> object:
        return name


class Shared(Boxes):
    """Opens boxes for all runs."""

    scope = "runtime"


def use(bridge: Bridge, work: Any) -> Any:
    """Do something with a bridge, as a script does: `work` is given a function that calls it."""

    async def run() -> Any:
        session = Session(bridges={bridge.name: bridge})

        async def ask(method: str, *args: Any, target: Any = bridge.name) -> Any:
            return await call(session, target, method, list(args))

        try:
            return await work(ask)
        finally:
            await session.close()

    return asyncio.run(run())


def outcomes(bridge: Bridge, times: int) -> list[str]:
    """Call a method many times; tell how each call ended."""

    async def work(ask: Any) -> list[str]:
        found = []
        for _ in range(times):
            try:
                found.append(await ask("echo", "x"))
            except LlmspellError as error:
                found.append(f"{error.kind} {error.retryable}")
        return found

    found: list[str] = use(bridge, work)
    return found


def test_metadata_is_unchanged() -> None:
    """Names, schemas, examples, descriptions, flags and builders are those of the bridge itself."""
    for plain, shaken in ((Boxes, chaos(Boxes())), (ContractBridge, chaos(ContractBridge()))):
        cls = type(shaken)
        assert isinstance(shaken, plain)
        assert (cls.__name__, cls.__doc__, cls.manifest()) == (
            plain.__name__,
            plain.__doc__,
            plain.manifest(),
        )
        ours, theirs = methods_of(cls), methods_of(plain)
        assert list(ours) == list(theirs)
        for name, one in ours.items():
            other = theirs[name]
            assert one.schema() == other.schema()
            assert one.returns_schema() == other.returns_schema()
            assert (one.description, one.example, one.effects, one.streams, one.varargs) == (
                other.description,
                other.example,
                other.effects,
                other.streams,
                other.varargs,
            )


def test_the_same_seed_strikes_at_the_same_points() -> None:
    """Outcomes and points repeat with the seed, and differ with another."""
    runs = []
    for seed in (1, 1, 2):
        bridge = chaos(Shared(), seed=seed, failure=0.3, disconnect=0.2, longest_delay_s=0)
        runs.append((outcomes(bridge, 40), dice_of(bridge).points))
    assert runs[0] == runs[1]
    assert runs[0][1] != runs[2][1]


def test_points_do_not_depend_on_the_order_of_calls() -> None:
    """Concurrent calls of other methods change no method's points."""

    def points(names: list[str]) -> list[Any]:
        bridge = chaos(Shared(), seed=3, failure=0.5, delay=0, disconnect=0)
        for name in names:
            dice_of(bridge).fate(name)
        return [point for point in dice_of(bridge).points if point.where == "boxes.echo"]

    assert points(["boxes.echo"] * 20) == points(["boxes.box", "boxes.echo"] * 20) != []


def test_failures_are_retryable_and_do_not_reach_the_bridge() -> None:
    """Every failure is a retryable one of a network or a provider; the bridge was not called."""
    bridge = chaos(Shared(), failure=1, delay=0, disconnect=0)
    found = outcomes(bridge, 30)
    assert set(found) == {"network True", "rate_limit True", "provider True"}
    assert bridge.calls == 0


def test_what_is_disconnected_did_its_work() -> None:
    """The answer of a call is lost, not the call; an object that nobody gets is closed."""
    bridge = chaos(Shared(), failure=0, delay=0, disconnect=1)
    assert outcomes(bridge, 3) == ["network True"] * 3
    assert bridge.calls == 3
    with pytest.raises(NetworkError, match="box"):
        use(bridge, lambda ask: ask("box"))
    assert bridge.open_boxes == 0


def test_a_stream_breaks_and_is_closed() -> None:
    """A stream gives its first items, breaks, and leaves nothing open."""
    bridge = chaos(Shared(), failure=0, delay=0, disconnect=1)

    async def work(ask: Any) -> tuple[list[int], str]:
        items: list[int] = []
        stream = await ask("count", 10)
        try:
            while True:
                items += (await ask("next", target=stream.id))["items"]
        except NetworkError as error:
            return items, error.message

    items, message = use(bridge, work)
    assert items == list(range(len(items)))
    assert len(items) < 4
    assert "connection of `boxes.count` broke" in message
    assert bridge.open_streams == 0


def test_handles_know_chaos() -> None:
    """The methods of an object that a bridge returns fail too."""
    bridge = chaos(Shared(), seed=1, failure=0.3, delay=0, disconnect=0)

    async def work(ask: Any) -> set[str]:
        kinds = set()
        for _ in range(30):
            try:
                box = await ask("box")
                kinds.add(await ask("look", target=box.id))
            except LlmspellError as error:
                kinds.add(error.kind)
        return kinds

    assert "empty" in use(bridge, work)
    assert {point.where for point in dice_of(bridge).points} == {
        "boxes.box",
        "boxes.box().box.look",
    }
    assert bridge.open_boxes == 0


def test_instances_of_a_run_and_members_know_chaos() -> None:
    """What a bridge makes for each run, and its dynamic members, are treated alike."""
    bridge = chaos(Boxes(), failure=1, delay=0, disconnect=0)
    for name in ("echo", "anything"):
        with pytest.raises(LlmspellError, match=f"chaos: `boxes.{name}`"):
            use(bridge, lambda ask, name=name: ask(name, "x"))


def test_a_bridges_own_calls_are_left_alone() -> None:
    """What the bridge's code calls of itself is not disturbed."""
    bridge = chaos(Shared(), failure=1)
    assert asyncio.run(bridge.echo("x", twice=True)) == "xx"


def test_without_chances_nothing_happens() -> None:
    """All chances at zero, every call gives its answer; so it does while the dice rest."""
    calm = chaos(Shared(), delay=0, failure=0, disconnect=0)
    assert outcomes(calm, 20) == ["x"] * 20
    wild = chaos(Shared(), failure=1)
    with dice_of(wild).resting():
        assert outcomes(wild, 5) == ["x"] * 5
    with pytest.raises(TypeError, match="knows no chaos"):
        dice_of(Shared())
