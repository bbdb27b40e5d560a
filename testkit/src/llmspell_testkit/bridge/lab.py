"""Where a bridge is tried: opened as a runtime does, called as a script does, in runs of its own."""

from __future__ import annotations

import asyncio
import copy
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.dispatch import call
from llmspell_core.errors import LlmspellError
from llmspell_core.session import Session
from llmspell_core.values import BuilderRef, CallbackRef, HandleRef, plain
from llmspell_testkit.bridge.members import Member, spread
from llmspell_testkit.bridge.world import BridgeWorld, stood_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from llmspell_core.bridge import Bridge
    from llmspell_core.permissions import Permissions
    from llmspell_testkit.bridge.contract import BridgeContract
    from llmspell_testkit.bridge.engines import Engines

MOST_ITEMS = 1000
PATIENCE_S = 2.0
"""How long a call with arguments other than the example's may take before it is not judged."""
_FIRST_FUNCTION = 2**40
"""The number of a run's first function: an engine never gets that far."""
SCRIPT_FUNCTION = "function("
"""How a text in an example begins that stands for a function of the script."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a call gave: a value (of a stream, the list of its items), or an error."""

    value: Any = None
    error: LlmspellError | None = None

    def __str__(self) -> str:
        """Tell it in a few words."""
        if self.error is not None:
            return f"an error of kind `{self.error.kind}`: {self.error.message[:300]}"
        return f"the result {plain(self.value)!r:.200}"


class Lab:
    """Opens the bridge of one contract in one world, and starts runs with it."""

    def __init__(
        self, contract: type[BridgeContract], world: BridgeWorld, engines: Engines
    ) -> None:
        """Open nothing yet."""
        self.contract = contract
        self.world = world
        self.engines = engines
        self.leaves: dict[str, bool] = {}
        """Whether a run with a member's example leaves something, as far as it is known."""
        self.declined: list[str] = []
        """What the check could not ask of an engine, as nouns: it found nothing, and looked at nothing."""
        self.odd_calls: dict[str, list[tuple[dict[str, Any], Outcome]]] = {}
        """What a member gave for other arguments than its example's; several checks look at it."""

    def make(self) -> Bridge:
        """Make an instance from the host's settings."""
        return self.contract.bridge.from_settings({**self.contract.settings, **self.world.settings})

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Bridge]:
        """Open an instance, as a runtime does, and close it."""
        bridge = self.make()
        if bridge.scope == "runtime":
            await bridge.open()
        try:
            yield bridge
        finally:
            if bridge.scope == "runtime":
                await bridge.close()

    @asynccontextmanager
    async def run(
        self,
        bridge: Bridge,
        permissions: Permissions | None = None,
        recorder: Callable[[dict[str, Any]], None] | None = None,
    ) -> AsyncIterator[Run]:
        """Start a run with the world prepared for it, and close it."""
        bridges = {bridge.name: bridge}
        async with AsyncExitStack() as stack:
            for cls in self.contract.companions:
                other = cls.from_settings({})
                bridges[other.name] = other
                if other.scope == "runtime":
                    await other.open()
                    stack.push_async_callback(other.close)
            session = _Session(bridges=bridges, permissions=self.contract.permissions)
            run = Run(self, bridge, session)
            stack.push_async_callback(session.close)
            if self.world.prepare is not None:
                await self.world.prepare(run)
            session.recorder = recorder or run.events.append
            if permissions is not None:
                session.permissions = permissions
            yield run

    @asynccontextmanager
    async def trying(self, permissions: Permissions | None = None) -> AsyncIterator[Run]:
        """Open an instance for a single run."""
        async with self.opened() as bridge, self.run(bridge, permissions) as run:
            yield run

    def given(self, member: Member) -> dict[str, Any]:
        """Return the example of a member, as it is meant in this world."""
        example = self.contract.examples.get(member.id, member.example or {})
        own = self.world.stand_ins_of.get(member.id, {})
        found: dict[str, Any] = stood_in(dict(example), {**self.world.stand_ins, **own})
        return found


class _Session(Session):
    """A session that calls the functions of `Run` itself, when an engine has a script's as well."""

    own: Any = None

    async def _invoke(self, number: int, args: Sequence[Any]) -> Any:
        if number >= _FIRST_FUNCTION and self.own is not None and not self.closed:
            return await self.own(number, args)
        return await super()._invoke(number, args)


class Run:
    """One run, seen from its script."""

    def __init__(self, lab: Lab, bridge: Bridge, session: _Session) -> None:
        """Call through `session`; the script's functions give back what they are called with."""
        self.lab = lab
        self.bridge = bridge
        self.session = session
        self.events: list[dict[str, Any]] = []
        self._functions: dict[int, Callable[..., Any]] = {}
        session.own = self._invoke
        session.invoker = self._invoke

    async def _invoke(self, number: int, args: Sequence[Any]) -> Any:
        function = self._functions.get(number)
        if function is None:
            return _first(*args)
        answer = function(*args)
        return await answer if hasattr(answer, "__await__") else answer

    def function(self, function: Callable[..., Any] | None = None) -> CallbackRef:
        """Make a function of the script; without one of your own it does what the world's do."""
        number = _FIRST_FUNCTION + len(self._functions)
        self._functions[number] = function or self.lab.world.function or _first
        return CallbackRef(number, "example")

    async def call(self, method: str, *args: Any, on: str | int | None = None) -> Any:
        """Call a method as a script does: of the bridge, of another one, or of a handle's number.

        Raises:
            LlmspellError: what the script would get.
        """
        target = self.bridge.name if on is None else on
        return await call(self.session, target, method, list(args))

    async def patient(self, member: Member, args: Sequence[Any]) -> Outcome | None:
        """Call a member with arguments that are not its example's; None when it takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.outcome(member, args)
        except TimeoutError:
            return None

    async def outcome(
        self, member: Member, args: Sequence[Any], target: str | int | None = None
    ) -> Outcome:
        """Call a member with `args`, its handle being made first; a stream is read to its end."""
        try:
            if target is None:
                target = await self.reach(member)
            sent = [*self.first(member), *args]
            value: Any = await call(
                self.session, target, self.name_of(member), sent, references=_has_references(sent)
            )
            if not member.method.streams:
                return Outcome(value=value)
            return Outcome(value=await self.drain(value))
        except LlmspellError as error:
            return Outcome(error=error)

    async def example(self, member: Member, changes: Mapping[str, Any] | None = None) -> Outcome:
        """Run a member's example, with `changes` to its arguments."""
        return await self.outcome(member, self.args(member, changes))

    def args(self, member: Member, changes: Mapping[str, Any] | None = None) -> list[Any]:
        """Write a member's example as the arguments of a call."""
        given = {**self.lab.given(member), **(changes or {})}
        return spread(member.method, {key: self.live(item) for key, item in given.items()})

    async def reach(self, member: Member) -> str | int:
        """Find whom to call: the bridge, or a handle that the examples before this one give.

        Raises:
            LlmspellError: one of them failed, or gave no handle.
        """
        if not member.via:
            return self.bridge.name
        *_, maker = member.via
        target = await self.reach(maker)
        given = await self.outcome(maker, self.args(maker), target)
        if given.error is not None:
            raise given.error
        for ref in handles_of(given.value):
            if ref.type == getattr(member.owner, "type_name", None):
                return ref.id
        raise Unreached(f"the example of `{maker.id}` gives no `{member.id.partition(':')[0]}`")

    @staticmethod
    def name_of(member: Member) -> str:
        """Return the method's name as a call has it."""
        return member.id if member.builder else str(member.method.name)

    def first(self, member: Member) -> list[Any]:
        """Return what comes before a call's own arguments: the builder, if it ends one."""
        builder = member.builder
        return [] if builder is None else [self.built(builder)]

    def built(self, builder: type) -> BuilderRef:
        """Record a builder's example as a script does."""
        name = getattr(builder, "name", "")
        example = self.lab.contract.builders.get(name)
        args, steps = ({}, ()) if example is None else (example.args, example.steps)
        stand_ins = self.lab.world.stand_ins
        create = builder.create_method()  # type: ignore[attr-defined] # a `Builder`
        recorded = []
        for step, given in steps:
            method = builder.step_method(step)  # type: ignore[attr-defined] # a `Builder`
            recorded.append((step, spread(method, self.live(stood_in(given, stand_ins)))))
        made = spread(create, self.live(stood_in(args, stand_ins)))
        return BuilderRef(self.bridge.name, name, made, recorded)

    def live(self, value: Any) -> Any:
        """Copy a value, each text that stands for a function replaced by one."""
        if isinstance(value, str) and value.startswith(SCRIPT_FUNCTION):
            return self.function()
        if isinstance(value, list):
            return [self.live(item) for item in value]
        if isinstance(value, dict):
            return {key: self.live(item) for key, item in value.items()}
        return copy.copy(value)

    async def drain(self, stream: HandleRef) -> list[Any]:
        """Read a stream to its end, as a script does.

        Raises:
            LlmspellError: what the stream ended with.
        """
        items: list[Any] = []
        while len(items) < MOST_ITEMS:
            batch: Any = await call(self.session, stream.id, "next", [64])
            items += batch["items"]
            if batch["done"]:
                break
        return items


def _first(*args: Any) -> Any:
    return args[0] if args else None


def _has_references(value: Any) -> bool:
    """Say whether a value holds what a call replaces by an object; one without is passed as it is."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return any(_has_references(item) for item in value)
    return isinstance(value, (BuilderRef, CallbackRef, HandleRef))


class Unreached(LlmspellError):  # noqa: N818 - it never leaves the contract
    """A handle's methods cannot be tried: no example leads to it."""


def handles_of(value: Any) -> list[HandleRef]:
    """List the handles within a value, outermost first."""
    if isinstance(value, HandleRef):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [ref for item in value for ref in handles_of(item)]
    fields = getattr(value, "fields", None)
    return handles_of(fields) if isinstance(fields, dict) else []
