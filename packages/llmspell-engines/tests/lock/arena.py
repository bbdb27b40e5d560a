"""Running attempts, each in a worker of its own, and saying what came of them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from spells import MIB, PRINT, start

from llmspell_engines.host.launch import ForkLauncher
from llmspell_engines.host.worker import WorkerStartError
from llmspell_engines.protocol import DONE, START
from llmspell_testkit.hostile.attack import ATTEMPTS, OWNED, Report, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self, TypeAlias

    from llmspell_engines.host import Worker
    from llmspell_engines.host.exit import Exit

    Kind: TypeAlias = tuple[str, tuple[str, ...]]

MEMORY_BYTES = 64 * MIB
_AHEAD = 3
_KEY = "LLMSPELL_ATTACK_KEY"
PLAIN = "taken_over:AttackGuest"
ENGINES = {
    "lua": "taken_over_lua:AttackGuest",
    "javascript": "taken_over_javascript:AttackGuest",
}
_SPELLS = {ENGINES[engine]: start(source) for engine, source in PRINT.items()}


class Outcome(NamedTuple):
    """``open``, ``blocked`` with its errno, or ``died`` with its signal."""

    kind: str
    number: int | None = None


class Arena:
    """Makes attempts in workers with some layers of the lock; a zygote for each kind of worker."""

    def __init__(self, folder: Path) -> None:
        """Prepare the stage in `folder`; zygotes start when they are needed."""
        self.stage = Stage(folder)
        # a key of the host's, which no worker may find
        os.environ[_KEY] = self.stage.canary
        self._runner = asyncio.Runner()
        self._launchers: dict[Kind, ForkLauncher] = {}
        self._ready: dict[Kind, deque[asyncio.Task[Worker]]] = {}
        self._ending: set[asyncio.Task[Exit]] = set()
        self._controls: dict[str, Outcome] = {}

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the zygotes and the stage."""
        self._runner.run(self._close())
        self._runner.close()
        del os.environ[_KEY]
        self.stage.__exit__(kind, error, traceback)

    def outcome(self, name: str, layers: Sequence[str], guest: str = PLAIN) -> Outcome:
        """Make one attempt in a fresh worker."""
        return self._runner.run(self._outcome(name, tuple(layers), guest))

    def control(self, name: str) -> Outcome:
        """Make the attempt in a worker without a lock; once for each attempt."""
        if name not in self._controls:
            self._controls[name] = self.outcome(name, ())
        return self._controls[name]

    async def _worker(self, kind: Kind) -> Worker:
        """Take a fresh worker, and have others be made meanwhile."""
        launcher = self._launchers.setdefault(kind, ForkLauncher(*kind))
        ready = self._ready.setdefault(kind, deque())
        while len(ready) <= _AHEAD:
            ready.append(asyncio.create_task(launcher.launch(MEMORY_BYTES)))
        return await ready.popleft()

    async def _close(self) -> None:
        for task in chain(*self._ready.values()):
            # the loop stood still between two tests: a start that was under way may seem late
            with suppress(WorkerStartError):
                await (await task).stop()
        await asyncio.gather(*self._ending)
        for launcher in self._launchers.values():
            await launcher.close()

    async def _outcome(self, name: str, layers: tuple[str, ...], guest: str) -> Outcome:
        worker = await self._worker((guest, layers))
        assert worker.about["layers"] == "+".join(layers), worker.about
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Report | Exit] = loop.create_future()

        def heard(kind: int, _: int, payload: bytes) -> None:
            if kind == DONE and not ended.done():
                ended.set_result(Report.from_json(payload))

        def died(exit_: Exit) -> None:
            if not ended.done():
                ended.set_result(exit_)

        worker.attach(heard, died)
        order = b"%s %s" % (name.encode(), self.stage.scene().to_json())
        spell = _SPELLS.get(guest)
        worker.send(START, 0, order if spell is None else order + b"\n" + spell)
        try:
            async with asyncio.timeout(20):
                result = await ended
        finally:
            # reaped while the next attempt is made
            ending = asyncio.create_task(worker.stop())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            if ATTEMPTS[name].call == "ptrace":  # holds its victim, alone, until it is gone
                await ending
        if isinstance(result, Report):
            return Outcome(result.outcome, result.errno)
        if result.code == OWNED:
            return Outcome("open")
        # anything else that ends a worker is a mistake of the attempt's own
        expected = (signal.SIGSYS, signal.SIGSEGV)
        assert result.signal in expected, f"{ATTEMPTS[name].name}: {result}\n{result.stderr}"
        return Outcome("died", result.signal)
