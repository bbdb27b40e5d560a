"""`ContractBridge`: the bridge that the contract's cases call, under the name ``probe``.

It is deterministic: what must happen at the same time meets at barriers and gates, and nothing
sleeps. It keeps the names of the calls it got, in the order they began, and counts what it
opened and closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from llmspell_core.bridge import Callback, method
from llmspell_core.context import CallContext
from llmspell_core.errors import KINDS, LlmspellError
from llmspell_core.values import TextRecord
from llmspell_testkit.probe_objects import Counter, Plan
from llmspell_testkit.probe_values import ValueMethods


class ContractBridge(ValueMethods):
    """Every kind of method that the contract speaks of. One instance serves one case."""

    name = "probe"
    builders = (Plan,)

    # -- errors and permissions -------------------------------------------------------------

    @method(example={"kind": "tool"})
    async def fail(self, kind: str, message: str = "it failed", *, fields: Any = None) -> None:
        """Raise the error of a kind."""
        self.begin("fail")
        given: dict[str, Any] = dict(fields or {})
        raise KINDS[kind](message, **given)

    @method()
    async def crash(self) -> None:
        """Make a mistake that is no error of the tree."""
        self.begin("crash")
        text = "a mistake"
        raise KeyError(text)

    @method(effects=("read",), example={"path": "notes.txt"})
    async def hidden(self, path: str, *, ctx: CallContext) -> str:
        """Do what needs the permission to read `path`."""
        await ctx.ask("read", path)
        self.begin("hidden")
        return f"read {path}"

    # -- time ---------------------------------------------------------------------------------

    @method()
    async def barrier(self, parties: int, name: str = "barrier") -> int:
        """Wait until `parties` calls are here, and return the place of this one, from 1."""
        self.begin("barrier")
        return await self.gates.meet(name, parties)

    @method()
    async def open_gate(self, name: str) -> None:
        """Open a gate for good."""
        self.begin("open_gate")
        self.gates.open(name)

    @method()
    async def wait_gate(self, name: str, value: Any = None) -> Any:
        """Wait for a gate to open, and return `value`."""
        self.begin("wait_gate")
        self.count("waiting")
        try:
            await self.gates.wait(name)
        except asyncio.CancelledError:
            self.count("cancelled")
            raise
        finally:
            self.count("waiting", -1)
        return value

    @method()
    async def never(self) -> None:
        """Never answer; being cancelled is counted."""
        self.begin("never")
        self.count("waiting")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.count("cancelled")
            raise
        finally:
            self.count("waiting", -1)

    @method()
    async def slow(self, ms: int) -> int:
        """Answer after `ms` milliseconds, for what is about time itself."""
        self.begin("slow")
        await asyncio.sleep(ms / 1000)
        return ms

    @method(example={"what": "closed_streams", "least": 0})
    async def await_count(self, what: str, least: int) -> int:
        """Wait until one of the probe's figures is at least that, and return it."""
        await self.gates.until(lambda: self.counts[what] >= least)
        return self.counts[what]

    # -- handles, streams ---------------------------------------------------------------------

    @method()
    async def counter(self, start: int = 0) -> Counter:
        """Return a host object that counts."""
        self.begin("counter")
        return Counter(self, start)

    @method()
    async def peek(self, counter: Counter) -> int:
        """Look into a host object that the script hands back."""
        self.begin("peek")
        return counter.value_now

    @method()
    async def stream(self, n: int, *, fail_at: int | None = None) -> AsyncIterator[Any]:
        """Give the numbers from 1 to `n`, or fail instead of giving `fail_at`."""
        self.begin("stream")
        self.count("open_streams")
        try:
            for number in range(1, n + 1):
                if number == fail_at:
                    raise KINDS["network"](f"lost at {number}")
                yield number
        finally:
            self.count("open_streams", -1)
            self.count("closed_streams")

    @method()
    async def words(self, text: str) -> AsyncIterator[Any]:
        """Give the words of a text, each as a text record."""
        self.begin("words")
        for index, word in enumerate(text.split()):
            yield TextRecord(word, {"index": index})

    @method()
    async def gated(self, gates: list[str]) -> AsyncIterator[Any]:
        """Give each gate's name once it is open."""
        self.begin("gated")
        self.count("open_streams")
        try:
            for gate in gates:
                await self.gates.wait(gate)
                yield gate
        finally:
            self.count("open_streams", -1)
            self.count("closed_streams")

    # -- callbacks ----------------------------------------------------------------------------

    @method()
    async def apply(self, function: Callback, *args: Any) -> Any:
        """Call a function of the script."""
        self.begin("apply")
        return await function(*args)

    @method()
    async def apply_all(self, function: Callback, items: list[Any]) -> list[Any]:
        """Call a function of the script with each item, all at once."""
        self.begin("apply_all")
        return list(await asyncio.gather(*(function(item) for item in items)))

    @method()
    async def apply_nested(self, functions: dict[str, Any]) -> dict[str, Any]:
        """Call each function in a map, one after the other."""
        self.begin("apply_nested")
        return {name: await function(name) for name, function in functions.items()}

    @method()
    async def attempt(self, function: Callback, *args: Any) -> dict[str, Any]:
        """Call a function of the script and tell how it ended."""
        self.begin("attempt")
        try:
            return {"value": await function(*args)}
        except LlmspellError as error:
            return {"kind": error.kind, "message": error.message}

    @method()
    async def abandon(self, function: Callback, gate: str) -> str:
        """Call a function of the script, and cancel that once `gate` is open."""
        self.begin("abandon")
        task = asyncio.ensure_future(function())
        await self.gates.wait(gate)
        task.cancel()
        await asyncio.wait({task})
        return "cancelled" if task.cancelled() else "ended"

    @method()
    async def keep(self, function: Callback) -> bool:
        """Keep a function for later; tell whether it is the one kept before."""
        self.begin("keep")
        same = self._kept is not None and self._kept.id == function.id
        self._kept = function
        return same

    @method()
    async def call_kept(self, *args: Any) -> Any:
        """Call the function that was kept."""
        self.begin("call_kept")
        assert self._kept is not None
        return await self._kept(*args)

    # -- builders -----------------------------------------------------------------------------

    @method()
    async def take_plan(self, plan: Plan) -> str:
        """Tell what a builder recorded."""
        self.begin("take_plan")
        return plan.text()
