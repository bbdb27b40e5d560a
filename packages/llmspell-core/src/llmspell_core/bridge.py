"""Bridges: named sets of methods that a spell can call.

A bridge is a class; a method is an async Python function whose type hints are the single source
of its metadata. Example, whole::

    class Greeter(Bridge):
        '''Greets people.'''

        name = "greeter"

        @method(example={"who": "Ada"})
        async def greet(self, who: Annotated[str, "Whom to greet"], *, loud: bool = False) -> str:
            '''Greet somebody by name.'''
            return f"Hello {who}" + "!" * loud
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from llmspell_core.signature import Method

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llmspell_core.session import Session
    from llmspell_core.values import Value

F = TypeVar("F", bound="Callable[..., Any]")

STREAMS = 1
"""Flag of a method that answers with a stream, see `docs/protocol.md`, "Streams"."""


def method(
    *,
    effects: tuple[str, ...] = (),
    example: Mapping[str, Any] | None = None,
    since: str = "0.1",
    returns: str | None = None,
) -> Callable[[F], F]:
    """Mark an async function, or an async generator, as a method that spells can call.

    `effects` are what it needs a permission for; `example` is a set of arguments that works;
    `returns` describes the answer. An async generator becomes a stream.
    """

    def mark(function: F) -> F:
        function.__llmspell__ = {  # type: ignore[attr-defined]  # our own mark on a function
            "effects": effects,
            "example": example,
            "since": since,
            "returns": returns,
        }
        return function

    return mark


def methods_of(cls: type) -> dict[str, Method]:
    """List the methods that `cls` offers to spells, by name; computed once per class."""
    found: dict[str, Method] | None = cls.__dict__.get("__llmspell_methods__")
    if found is None:
        found = {}
        for base in reversed(cls.__mro__):
            for name, member in vars(base).items():
                if hasattr(member, "__llmspell__"):
                    found[name] = Method(name, member, member.__llmspell__)
        cls.__llmspell_methods__ = found  # type: ignore[attr-defined]  # a cache on the class
    return found


def flags_of(cls: type) -> dict[str, int]:
    """Map each method's name to its protocol flags."""
    return {name: STREAMS if m.streams else 0 for name, m in methods_of(cls).items()}


class Handle:
    """A host-side object that a script holds by number, with methods of its own.

    Return one from a bridge method; the session gives it a number and closes it when the run
    ends, in reverse order.
    """

    type_name: ClassVar[str] = "handle"

    async def close(self) -> None:
        """Give back what the object holds; called exactly once."""


class Builder:
    """What a spell composes step by step and sends whole.

    A subclass's ``__init__`` takes the builder's arguments, its `steps` name the (synchronous)
    methods that record a step, and its methods marked with `method` end it: ``run``, ``validate``.
    """

    name: ClassVar[str]
    steps: ClassVar[tuple[str, ...]] = ()
    bridge: Bridge
    """The bridge whose builder it is; set before one of its methods is called."""

    @classmethod
    def create_method(cls) -> Method:
        """Describe the builder's own arguments: those of ``__init__``."""
        return _described(cls, "__init__")

    @classmethod
    def step_method(cls, name: str) -> Method:
        """Describe the arguments of the step `name`."""
        return _described(cls, name)


def _described(cls: type, name: str) -> Method:
    return Method(name, getattr(cls, name), {})


class Bridge:
    """The base of all bridges.

    `scope` says how long one instance lives: ``"runtime"``, opened once and shared by all runs,
    or ``"run"``, opened for each. A `dynamic` bridge takes any further member name for a method
    and answers it in `call_member` (``tools.NAME``). A bridge is `by_name` when each of its methods
    asks for its effects by name (`CallContext.ask`): then a grant of any name lets them begin, and
    nobody is asked for all of an effect beforehand.
    """

    name: ClassVar[str]
    scope: ClassVar[Literal["runtime", "run"]] = "runtime"
    dynamic: ClassVar[bool] = False
    by_name: ClassVar[bool] = False
    builders: ClassVar[tuple[type[Builder], ...]] = ()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Bridge:  # noqa: ARG003 - for subclasses
        """Make an instance from the host's configuration of this bridge."""
        return cls()

    def for_run(self, session: Session) -> Bridge:  # noqa: ARG002 - for subclasses
        """Make the instance that serves one run; only bridges of scope ``run`` are asked."""
        return type(self)()

    async def open(self) -> None:
        """Acquire what the bridge needs; called once, before its first method."""

    async def close(self) -> None:
        """Release it; called once, in reverse order of opening, also when a run is killed."""

    async def call_member(self, name: str, args: list[Value]) -> object:
        """Answer a member that is not a method; only `dynamic` bridges are asked."""
        raise NotImplementedError

    @classmethod
    def manifest(cls) -> dict[str, Any]:
        """Describe the bridge to a guest, see `docs/protocol.md`, "Start record"."""
        builders = {b.name: {"steps": list(b.steps), "methods": flags_of(b)} for b in cls.builders}
        return {"methods": flags_of(cls), "open": cls.dynamic, "builders": builders}


class Callback:
    """A script function, as a bridge sees it: await it with plain values.

    Raises what the script's function raised, as a `ScriptRuntimeError` or the host's own error.
    """

    __slots__ = ("_invoke", "id", "name")
    type_name: ClassVar[str] = "function"

    def __init__(self, id_: int, name: str, invoke: Callable[..., Awaitable[Value]]) -> None:
        """Bind the function's number to the session that can invoke it."""
        self.id = id_
        self.name = name
        self._invoke = invoke

    async def __call__(self, *args: object) -> Value:
        """Run the script's function and return what it returned."""
        return await self._invoke(self.id, args)
