"""One worker as the host sees it: a process (or a thread), its socket, its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import ConversionError, InternalError
from llmspell_core.isolation import IsolationReport
from llmspell_core.values import Bounds
from llmspell_engines.codec import decode
from llmspell_engines.host.exit import Exit, read_errors
from llmspell_engines.host.process import Process
from llmspell_engines.host.transport import Transport
from llmspell_engines.host.watch import Watched
from llmspell_engines.protocol import FAILED, READY, ProtocolViolation

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llmspell_engines.host.cgroup import Cgroup
    from llmspell_engines.host.transport import OnMessage

    OnExit = Callable[[Exit], None]

START_TIMEOUT_S = 30.0
"""How long a worker may take until READY: V8 starts in 0.2 s on an idle machine."""
_HANG_UP_S = 1.0
_ABOUT = Bounds(depth=2, nodes=100, message_bytes=64 * 1024)
"""How large a start report may be."""
LEVELS = frozenset({"locked", "process", "inproc"})


class WorkerStartError(InternalError):
    """A worker or its zygote did not start: an engine that is not installed, mostly."""


class Worker:
    """A worker, from its launch to its reaping. Made by a launcher, given out by a `Pool`.

    `about` is its READY record (engine, version, level, reason, pid…), `level` the isolation it
    runs at, `pid` its process or None at the level ``inproc``, `watched` what it is held to, `exit` how
    it ended or None.
    """

    def __init__(
        self, sock: socket.socket, errors: int | None = None, *, threaded: bool = False
    ) -> None:
        """Take over the socket and the reading end of the pipe that is the worker's stderr."""
        self._loop = asyncio.get_running_loop()
        self._threaded = threaded
        self._errors = errors
        self._process: Process | None = None
        self._reason = ""
        self._message = ""
        self._on_message: OnMessage | None = None
        self._on_limit: Callable[[str], None] | None = None
        self._on_exit: list[OnExit] = []
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._exited: asyncio.Future[Exit] = self._loop.create_future()
        self._hang_up: asyncio.TimerHandle | None = None
        self.about: dict[str, Any] = {}
        self.exit: Exit | None = None
        self.watched = Watched(self, None)
        self.cgroup: Cgroup | None = None
        self._transport = Transport(sock, self._receive, self._on_closed)

    @property
    def pid(self) -> int | None:
        """The process id; None at the level ``inproc``."""
        return None if self._process is None else self._process.pid

    @property
    def level(self) -> str:
        """``locked``, ``process`` or ``inproc``."""
        return str(self.about["level"])

    @property
    def isolation(self) -> IsolationReport:
        """How it is kept apart, by its own report: made before it had seen any script."""
        layers = str(self.about.get("layers") or "")
        reason = self.about.get("reason")
        return IsolationReport(
            level="locked" if self.level == "locked" else "inproc" if self._threaded else "process",
            layers=tuple(layers.split("+")) if layers else (),
            reason=None if reason is None else str(reason),
        )

    def usable(self) -> bool:
        """Whether it can still be given work: not ended, and not about to."""
        if self.exit is not None or self._reason:
            return False
        return self._process is None or self._process.alive()

    def adopt(self, pid: int) -> None:
        """Watch and own the process `pid`; launchers call it."""
        self._process = Process(pid, self._check_exit)
        if self._reason:
            self._process.kill()

    def adopt_answer(self, answer: asyncio.Future[int]) -> None:
        """Adopt the pid that a zygote answered, or do without; launchers call it."""
        error = answer.exception()
        if error is None:
            self.adopt(answer.result())
        else:
            self.abandon(str(error))

    def abandon(self, message: str) -> None:
        """End it without ever having had a process; launchers call it."""
        self._reason, self._message = "start", message
        self._transport.close()
        self._finish()

    async def ready(self) -> None:
        """Wait for READY; launchers call it.

        Raises:
            WorkerStartError: it ended instead, or took longer than `START_TIMEOUT_S`.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._ready
        except TimeoutError:
            # to its end: no pool knows it yet, so none would wait for it
            await self.stop("start")
            text = f"a worker was not ready after {START_TIMEOUT_S:g} s"
            raise WorkerStartError(text) from None
        except asyncio.CancelledError:
            self.kill("start")
            raise

    def attach(
        self,
        on_message: OnMessage,
        on_exit: OnExit | None = None,
        on_limit: Callable[[str], None] | None = None,
    ) -> None:
        """Give each message to `on_message(kind, id, payload)`, and its end to `on_exit`.

        `on_limit` is called with the name of the limit that it is killed for, before its end.
        """
        self._on_message, self._on_limit = on_message, on_limit
        if on_exit is not None:
            self.on_exit(on_exit)

    def on_exit(self, callback: OnExit) -> None:
        """Call `callback(exit)` after the last message; soon, if that is past."""
        if self.exit is not None:
            self._loop.call_soon(callback, self.exit)
        else:
            self._on_exit.append(callback)

    def send(
        self, kind: int, id: int, payload: bytes, clock_ms: int = 0, *, gather: bool = False
    ) -> None:
        """Send one message; `clock_ms` is milliseconds since the run's start.

        With `gather` it waits for what else is sent in this turn of the loop.
        """
        self._transport.send(kind, id, payload, clock_ms, gather=gather)

    async def drain(self) -> None:
        """Wait while the worker is behind with reading."""
        await self._transport.drain()

    @property
    def unsent_bytes(self) -> int:
        """Bytes sent to it that it has not read yet, beyond what the socket holds."""
        return self._transport.unsent_bytes

    def pause(self) -> None:
        """Stop delivering messages; the worker waits once the socket is full."""
        self._transport.pause()

    def resume(self) -> None:
        """Deliver messages again."""
        self._transport.resume()

    def limit_hit(self, limit: str) -> None:
        """Tell who uses it that it was killed for a limit; its watcher calls it, in the loop."""
        if self._on_limit is not None and self.exit is None:
            self._on_limit(limit)

    def kill(self, reason: str = "killed", message: str = "") -> None:
        """End it with SIGKILL, from any thread; the first reason given is kept.

        A thread is only hung up on.
        """
        if self.exit is not None:
            return
        if not self._reason:
            self._reason, self._message = reason, message
        if self._process is not None:
            self._process.kill()
        elif self._threaded:
            self._transport.close()
            self._finish()

    def read_out(self) -> None:
        """Deliver what it had said when it was killed, and nothing after that; wait for nothing.

        How soon a killed process ends depends on what else wants the processor, but it does
        nothing more: what it said is in the socket.
        """
        self._transport.read_out()
        self._check_exit()

    async def wait(self) -> Exit:
        """Wait until it ended by itself and its last message was delivered."""
        return await asyncio.shield(self._exited)

    async def stop(self, reason: str = "closed") -> Exit:
        """Kill it if it lives, deliver what it had said, and reap it."""
        self.kill(reason)
        self.resume()
        return await self.wait()

    def _receive(self, kind: int, id: int, payload: bytes) -> None:
        if self._on_message is not None:
            self._on_message(kind, id, payload)
        elif self._ready.done() or kind not in (READY, FAILED):
            self._violated(ProtocolViolation("a message nobody asked for"))
        else:
            self._start(kind, payload)

    def _start(self, kind: int, payload: bytes) -> None:
        try:
            about = decode(payload, bounds=_ABOUT)
        except ConversionError as error:
            self._violated(ProtocolViolation(str(error)))
            return
        if not isinstance(about, dict):
            self._violated(ProtocolViolation("a start report that is no map"))
        elif kind == READY and about.get("level") not in LEVELS:
            self._violated(ProtocolViolation("a start report without a level"))
        elif kind == READY:
            self.about = about
            self._ready.set_result(None)
        else:
            self._reason, self._message = "start", str(about.get("message"))
            self.kill()

    def _violated(self, violation: ProtocolViolation) -> None:
        self._transport.close()
        self.kill("protocol", str(violation))

    def _on_closed(self, violation: ProtocolViolation | None) -> None:
        if violation is not None:
            self.kill("protocol", str(violation))
        elif self._process is not None and not self._process.ended:
            # it is about to end, or hangs in its exit: it can do nothing useful any more
            self._hang_up = self._loop.call_later(_HANG_UP_S, self._process.kill)
        self._check_exit()

    def _check_exit(self) -> None:
        """Finish once the process is reaped and its socket read to the end."""
        if self._process is None and not self._threaded:
            return
        if self._process is not None and not self._process.ended:
            return
        if self._transport.closed:
            self._finish()
        else:
            self._transport.expect_end()

    def _finish(self) -> None:
        if self.exit is not None:
            return
        if self._hang_up is not None:
            self._hang_up.cancel()
        self.exit = self._report()
        if not self._ready.done():
            self._ready.set_exception(WorkerStartError(self._why_not()))
            # retrieved: whoever waited may have been cancelled
            self._ready.exception()
        self._exited.set_result(self.exit)
        for callback in self._on_exit:
            callback(self.exit)
        self._on_exit.clear()
        self._on_message = self._on_limit = None
        self.watched.over = True

    def _why_not(self) -> str:
        assert self.exit is not None  # noqa: S101 - only asked at its end
        said = self.exit.stderr.strip().splitlines()
        return self._message or (said[-1] if said else f"a worker ended: {self.exit}")

    def _report(self) -> Exit:
        stderr = "" if self._errors is None else read_errors(self._errors)
        self._errors = None
        if (process := self._process) is None:
            return Exit(reason=self._reason or "closed", message=self._message)
        full = self.cgroup is not None and self.cgroup.end()
        why = "memory" if full else "closed" if process.exit_code == 0 else "crashed"
        return Exit(
            reason=self._reason or why,
            code=process.exit_code,
            signal=process.exit_signal,
            max_rss_bytes=process.max_rss_bytes,
            starved=self.watched.starved(process.max_rss_bytes),
            message=self._message,
            stderr=stderr,
        )
