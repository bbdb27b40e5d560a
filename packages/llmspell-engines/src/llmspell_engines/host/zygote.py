"""The host's side of one zygote: requests by SOCK_SEQPACKET, answers in order."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from typing import TYPE_CHECKING

from llmspell_engines.host.exit import read_errors
from llmspell_engines.host.process import Process
from llmspell_engines.host.spawn import error_pipe, spawn
from llmspell_engines.host.worker import WorkerStartError
from llmspell_engines.worker.wire import ANSWER, REQUEST, UNLIMITED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_TOGETHER = 4
"""How many requests or answers one turn of the loop takes.

One of each made a turn for every one of a thousand spells, and nothing was done twice in a row:
1.86 times what litellm takes alone, instead of 1.53. With 16 it is 1.45, but a turn takes 57 ms
instead of 17.
"""
_LATE_S = 10.0
"""How long a dead zygote's last answer is waited for: seconds passed on a machine at 13 times its load."""


class ZygoteGoneError(WorkerStartError):
    """The zygote ended before it answered; `by_itself` if it exited, which it would again."""

    def __init__(self, text: str, *, by_itself: bool) -> None:
        """Say how it ended."""
        super().__init__(text)
        self.by_itself = by_itself


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Zygote:
    """One zygote process. It is disposable: when it dies, make another."""

    def __init__(self, spec: str, on_end: Callable[[Zygote], None], layers: Sequence[str]) -> None:
        """Start it, from the loop's thread: the death signal follows the thread that spawned."""
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._answers: dict[int, asyncio.Future[int]] = {}
        self._number = 0
        self._hung_up = False
        self._late: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._errors, writing = error_pipe()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)  # noqa: FBT003 - its only parameter
        try:
            pid = spawn("zygote", spec, sock=theirs.fileno(), errors=writing, layers=layers)
        except BaseException:
            self._control.close()
            os.close(self._errors)
            raise
        finally:
            theirs.close()
            os.close(writing)
        self.spec = spec
        self.forks = 0
        self._process = Process(pid, self._ended_now)
        self._loop.add_reader(self._control, self._on_answer)

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is gone, and all that it forked is known."""
        return self._ended.done()

    async def fork(self, sock: int, errors: int, memory_bytes: int | None) -> asyncio.Future[int]:
        """Ask for a worker on the descriptors `sock` and `errors`; the future is its pid.

        The future is answered even if whoever asked has gone: somebody must own the child.

        Raises:
            ZygoteGoneError: it ended.
            WorkerStartError: the request could not be sent.
        """
        number = self._number = self._number + 1
        request = REQUEST.pack(number, UNLIMITED if memory_bytes is None else memory_bytes)
        answer: asyncio.Future[int] = self._loop.create_future()
        if self._waiting:
            await self._room()
        while True:
            try:
                socket.send_fds(self._control, [request], [sock, errors])
            except (BlockingIOError, InterruptedError):
                await self._room()
            except OSError as error:
                if not self.ended and not isinstance(error, ConnectionError):
                    # it is not gone: too many descriptors are on their way, for instance
                    text = f"the zygote of {self.spec} could not be asked: {error.strerror}"
                    raise WorkerStartError(text) from None
                await self._ended
                raise self._gone() from None
            else:
                break
        self._answers[number] = answer
        return answer

    def kill(self) -> None:
        """End it; its workers do not notice."""
        self._process.kill()

    async def close(self) -> None:
        """End it and reap it, once every request was answered."""
        if self._answers:
            await asyncio.wait(list(self._answers.values()), timeout=1.0)
        self.kill()
        await self._ended

    async def _room(self) -> None:
        """Wait until the zygote has read some of its requests, or is gone."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        if not self._waiting:
            self._loop.add_writer(self._control, self._on_room)
        self._waiting.append(waiter)
        await waiter

    def _on_room(self) -> None:
        for _ in range(min(_TOGETHER, len(self._waiting))):
            _set(self._waiting.popleft())
        if not self._waiting:
            self._loop.remove_writer(self._control)

    def _on_answer(self) -> None:
        """Take what was answered, `_TOGETHER` at most."""
        for _ in range(_TOGETHER):
            try:
                data = self._control.recv(ANSWER.size)
            except (BlockingIOError, InterruptedError, ConnectionResetError):
                # reset: it left requests unread. The kernel says so before it gives out the answers.
                return
            except OSError:
                data = b""
            if not data:
                self._hang_up()
                return
            self._take(*ANSWER.unpack(data))
            if not self._answers:
                return

    def _take(self, number: int, pid: int, code: int) -> None:
        self.forks += 1
        answer = self._answers.pop(number)
        if code:
            text = f"the zygote could not fork: {os.strerror(code)}"
            answer.set_exception(WorkerStartError(text))
        else:
            answer.set_result(pid)

    def _hang_up(self) -> None:
        self._loop.remove_reader(self._control)
        self._hung_up = True
        if self._process.ended:
            self._finish()
        else:
            self.kill()

    def _ended_now(self) -> None:
        """Wait for the last answers: a worker forked at the last moment sends its own."""
        if self._hung_up:
            self._finish()
        else:
            self._late = self._loop.call_later(_LATE_S, self._finish)

    def _finish(self) -> None:
        """Fail what was not answered."""
        if self._late is not None:
            self._late.cancel()
        self._loop.remove_reader(self._control)
        self._loop.remove_writer(self._control)
        self._control.close()
        self._message = read_errors(self._errors).strip()
        self._ended.set_result(None)
        for answer in self._answers.values():
            answer.set_exception(self._gone())
        self._answers.clear()
        while self._waiting:
            _set(self._waiting.popleft())
        self._on_end(self)

    def _gone(self) -> ZygoteGoneError:
        code = self._process.exit_code
        last = self._message.splitlines()[-1] if self._message else "it said nothing"
        how = f"exit code {code}" if code is not None else f"signal {self._process.exit_signal}"
        text = f"the zygote of {self.spec} ended ({how}): {last}"
        return ZygoteGoneError(text, by_itself=bool(code))
