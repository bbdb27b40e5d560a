"""An engine under test in a process of its own, which can be ended whatever the engine does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from socket import socket, socketpair
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_testkit import host
from llmspell_testkit.case import Expected
from llmspell_testkit.checks import CheckError
from llmspell_testkit.host import Outcome
from llmspell_testkit.wire import (
    Checked,
    Job,
    RunCase,
    RunCheck,
    SentOutcome,
    receive,
    send,
    unpack_error,
)

if TYPE_CHECKING:
    from llmspell_core.engine import EngineConfig, ScriptEngine
    from llmspell_testkit.case import Case

START_S = 20.0
"""What the process may take to start and to import the engine, before the first case."""
_TAIL = 2_000


class EngineCrashError(Exception):
    """The process that held the engine ended by itself."""


class RemoteHost:
    """Runs cases as `EngineHost` does, in a child process: for engines that could hang this one."""

    def __init__(self, engine: type[ScriptEngine], config: EngineConfig) -> None:
        """Start nothing yet.

        Raises:
            TypeError: the class is local to a function, so that no other process can import it.
        """
        if "." in engine.__qualname__:
            text = (
                f"the engine {engine.__qualname__} is no name of its module, so that the process "
                "of its own that it runs in cannot import it: define it at the module's top"
            )
            raise TypeError(text)
        self.config = config
        file = getattr(sys.modules.get(engine.__module__), "__file__", None)
        self._job = Job(
            module=engine.__module__,
            file=file,
            name=engine.__name__,
            config=config,
            path=[str(Path(entry).resolve()) for entry in sys.path],
            grace_s=host.GRACE_S,
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`

    def close(self) -> None:
        """Let the engine close, then end its process."""
        if self._channel is not None and self._process is not None:
            self._channel.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(host.GRACE_S + 1)
        self._end()
        self._errors.close()

    def run(self, case: Case, source: str) -> Outcome:
        """Run one case; an engine that hangs or crashes is gone, and the next case gets a new one."""
        request = RunCase(case=msgspec.structs.replace(case, expect=Expected()), source=source)
        started = time.perf_counter()
        try:
            sent: SentOutcome = self._ask(request, SentOutcome, case.deadline_s)
        except TimeoutError:
            return Outcome(hung=True, duration_s=time.perf_counter() - started)
        except EngineCrashError as crash:
            return Outcome(error=crash, duration_s=time.perf_counter() - started)
        outcome = sent.outcome
        outcome.error = None if sent.error is None else unpack_error(sent.error)
        outcome.logs = [tuple(entry) for entry in outcome.logs]  # type: ignore[misc]  # pairs
        if outcome.hung:  # what it was doing may go on there
            self._end()
        return outcome

    def check(self, name: str, *, deadline_s: float = 10.0, **arguments: Any) -> Any:
        """Run one of `checks.CHECKS` and return its answer.

        Raises:
            CheckError: the engine does not do what it asks.
            TimeoutError: it took longer than `deadline_s`.
        """
        request = RunCheck(name=name, arguments=arguments, deadline_s=deadline_s)
        try:
            checked: Checked = self._ask(request, Checked, deadline_s)
        except EngineCrashError as crash:
            raise CheckError(str(crash)) from None
        if checked.late:
            self._end()
            raise TimeoutError
        if checked.failure is not None:
            raise CheckError(checked.failure)
        return checked.answer

    def _ask(self, request: msgspec.Struct, kind: Any, deadline_s: float) -> Any:
        try:
            channel = self._started()
            channel.settimeout(deadline_s + 2 * host.GRACE_S)
            send(channel, request)
            return receive(channel, kind)
        except TimeoutError:
            self._end()
            raise
        except (EOFError, OSError):
            raise EngineCrashError(self._crash()) from None

    def _started(self) -> socket:
        if self._channel is not None:
            return self._channel
        ours, theirs = socketpair()
        self._channel = ours
        command = [sys.executable, "-m", "llmspell_testkit.child", str(theirs.fileno())]
        self._errors.seek(0)
        self._errors.truncate()
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=self._errors,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(self._job.path)},
                start_new_session=True,
            )
        ours.settimeout(START_S)
        send(ours, self._job)
        receive(ours, Checked)  # it has imported the engine
        return ours

    def _crash(self) -> str:
        """Say how the process ended, with the end of what it wrote to standard error."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(host.GRACE_S)
        code = self._process.poll()
        self._end()
        self._errors.seek(0)
        told = self._errors.read()[-_TAIL:].decode("utf-8", "replace").strip()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return f"the process that held the engine ended with {how}" + (told and f":\n{told}")

    def _end(self) -> None:
        """Kill the process and all that it started."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
