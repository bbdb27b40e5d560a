"""What a spell in Python holds of the host: bridges, open calls, objects, streams, builders."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import ScriptRuntimeError
from llmspell_core.values import BuilderRef, HandleRef, join_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from snake_values import Values

CREDITS = 32
_STREAMS = 1


class Pending:
    """A call under way: await it; one of a method that streams can be looped over."""

    def __init__(self, run: Any, work: Any, where: str) -> None:
        self.run = run
        self.where = where
        self.observed = False
        self.task = asyncio.ensure_future(work)

    def __await__(self) -> Generator[Any, None, Any]:
        self.observed = True
        return self.task.__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for item in await self:
            yield item

    def cancel(self) -> None:
        self.observed = True
        self.task.cancel()


class Proxy:
    """Something of the host with methods; nothing of it can be changed."""

    def __init__(self, name: str, members: dict[str, Callable[..., Any]]) -> None:
        self.__dict__["_name"] = name
        self.__dict__["_members"] = members

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._members:
            text = f"{self._name} has no method `{name}`"
            raise ScriptRuntimeError(text)
        return self._members[name]

    def __setattr__(self, name: str, value: object) -> None:
        text = f"{self._name} cannot be changed"
        raise AttributeError(text)


def bridge(run: Any, name: str, manifest: dict[str, Any]) -> Proxy:
    """Make what a spell sees of a bridge."""

    def method(found: str) -> Callable[..., Any]:
        return lambda *args: run.start(name, found, args)

    def maker(found: str, parts: dict[str, Any]) -> Callable[..., Any]:
        return lambda *args: Making(run, (name, found), parts, args)

    members = {found: method(found) for found in manifest["methods"]}
    members.update({found: maker(found, parts) for found, parts in manifest["builders"].items()})
    return Proxy(name, members)


class Handle(Proxy):
    """An object of the host; a stream is one whose items can be looped over."""

    def __init__(self, run: Any, ref: HandleRef) -> None:
        def method(found: str) -> Callable[..., Any]:
            return lambda *args: run.start(ref.id, found, args)

        super().__init__(f"the {ref.type}", {found: method(found) for found in ref.methods})
        self.__dict__["ref"] = ref
        self.__dict__["_run"] = run

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            done = False
            while not done:
                batch = await self._run.start(self.ref.id, "next", [CREDITS])
                done = batch["done"]
                for item in self._run.batch(batch["items"]):
                    yield item
        finally:
            await self._run.release(self.ref.id)


class Making:
    """A builder: it records its steps, and is sent whole."""

    def __init__(
        self, run: Any, names: tuple[str, str], parts: dict[str, Any], args: tuple[Any, ...]
    ) -> None:
        self._run, self._names, self._parts, self._args = run, names, parts, args
        run.needs("builders")
        self._steps: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        if name in self._parts["steps"]:
            return lambda *args: self._step(name, args)
        if name in self._parts["methods"]:
            bridge_name, builder = self._names
            return lambda *args: self._run.start(bridge_name, f"{builder}.{name}", [self, *args])
        raise AttributeError(name)

    def _step(self, name: str, args: tuple[Any, ...]) -> Making:
        self._run.add_step(self, name, args)
        return self

    def built(self, values: Values, path: str, depth: int) -> BuilderRef:
        def taken(args: tuple[Any, ...]) -> list[Any]:
            return [values.take(a, join_path(path, i), depth + 1) for i, a in enumerate(args)]

        steps = [(name, taken(args)) for name, args in self._steps]
        return BuilderRef(*self._names, taken(self._args), steps)
