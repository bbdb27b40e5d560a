"""`MockBridge`: a bridge whose methods answer as a test says, and which remembers its calls."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.bridge import Bridge, method

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from typing import Self


class BridgeCall(msgspec.Struct, frozen=True):
    """One call that a mock got: the method, and the arguments as the script gave them."""

    method: str
    args: tuple[Any, ...]


class InTurn:
    """Answers for the calls of a method, one after the other; the last one stays."""

    def __init__(self, *answers: Any) -> None:
        """Hold the answers, at least one."""
        self._left = list(answers)

    def take(self) -> Any:
        """Return the next answer."""
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


class Items:
    """The items of a stream; one that is an exception breaks it there."""

    def __init__(self, *items: Any) -> None:
        """Hold the items."""
        self.items = items


class MockBridge(Bridge):
    """A bridge for tests of engines and of spells.

    ::

        search = MockBridge("search", {"find": ["a", "b"], "index": ToolError("it is full")})
        async with Runtime(bridges=[search]) as runtime:
            await runtime.run('return search.find("x")')
        assert search.calls == [BridgeCall("find", ("x",))]

    What stands for a method is what it returns; an exception is raised, a function is called with
    the arguments (and awaited), `InTurn` gives one answer after the other, `Items` makes the method
    a stream.
    """

    def __new__(cls, name: str, methods: Mapping[str, Any] | None = None) -> Self:
        """Make the mock in a class of its own: a bridge's metadata is its class's."""
        own: dict[str, Any] = {"name": name, "__module__": cls.__module__}
        for method_name, answer in (methods or {}).items():
            own[method_name] = _method(method_name, streams=isinstance(answer, Items))
        return super().__new__(type(cls.__name__, (cls,), own))

    def __init__(self, name: str, methods: Mapping[str, Any] | None = None) -> None:
        """Take the bridge's name and, for each method, what it answers."""
        self.name = name  # type: ignore[misc]  # of the class that `__new__` made for this one
        self.answers: dict[str, Any] = dict(methods or {})
        self.calls: list[BridgeCall] = []
        self.opened = 0
        self.closed = 0

    def calls_of(self, name: str) -> list[tuple[Any, ...]]:
        """Return the arguments of each call of a method, in order."""
        return [call.args for call in self.calls if call.method == name]

    def was_called(self, name: str) -> bool:
        """Say whether a method was called."""
        return any(call.method == name for call in self.calls)

    async def open(self) -> None:
        """Count."""
        self.opened += 1

    async def close(self) -> None:
        """Count."""
        self.closed += 1

    async def answer(self, name: str, args: tuple[Any, ...]) -> Any:
        """Remember a call and return, or raise, what was said for it."""
        self.calls.append(BridgeCall(name, args))
        answer = self.answers[name]
        if isinstance(answer, InTurn):
            answer = answer.take()
        if callable(answer) and not isinstance(answer, type):
            answer = answer(*args)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _method(name: str, *, streams: bool) -> Callable[..., Any]:
    async def answered(self: MockBridge, *args: Any) -> Any:
        return await self.answer(name, args)

    async def streamed(self: MockBridge, *args: Any) -> AsyncIterator[Any]:
        answer: Items = await self.answer(name, args)
        for item in answer.items:
            if isinstance(item, BaseException):
                raise item
            yield item

    function: Callable[..., Any] = streamed if streams else answered
    function.__doc__ = f"Answer `{name}` as the test said."
    function.__name__ = name
    return method()(function)
