"""The process that holds an engine under test: ``python -m llmspell_testkit.child FD``.

It reads its `Job` from the socket of that number, then answers one request after the other, until
the socket is closed. Whoever started it kills it where a case does not end.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from socket import socket
from typing import TYPE_CHECKING, Any

from llmspell_testkit import host
from llmspell_testkit.checks import CheckError
from llmspell_testkit.wire import (
    Checked,
    Job,
    RunCase,
    RunCheck,
    SentOutcome,
    pack_error,
    receive,
    send,
    sendable,
)

if TYPE_CHECKING:
    import msgspec

    from llmspell_core.engine import ScriptEngine

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, in linux/prctl.h


def find(job: Job) -> type[ScriptEngine]:
    """Import the engine's class: by its module's name, else from its file."""
    sys.path[:] = job.path
    try:
        module: Any = import_module(job.module)
    except ImportError:
        if job.file is None:
            raise
        spec = spec_from_file_location(job.module, job.file)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[job.module] = module_from_spec(spec)
        spec.loader.exec_module(module)
    engine: type[ScriptEngine] = getattr(module, job.name)
    return engine


def run_case(engine: host.EngineHost, request: RunCase) -> SentOutcome:
    """Run a case and make a message of what came of it."""
    outcome = engine.run(request.case, request.source)
    error = None if outcome.error is None else pack_error(outcome.error)
    outcome.error = None
    outcome.value = sendable(outcome.value)
    outcome.logs = sendable([list(entry) for entry in outcome.logs])
    return SentOutcome(outcome=outcome, error=error)


def run_check(engine: host.EngineHost, request: RunCheck) -> Checked:
    """Run a check and make a message of what it found."""
    try:
        answer = engine.check(request.name, deadline_s=request.deadline_s, **request.arguments)
    except TimeoutError:
        return Checked(late=True)
    except CheckError as error:
        return Checked(failure=str(error))
    return Checked(answer=sendable(answer))


def _die_with_parent() -> None:
    """End when the tests do, whatever the engine is doing then; on Linux, where it can be asked for."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def main(descriptor: int) -> None:
    """Serve until the other side is gone."""
    _die_with_parent()
    with socket(fileno=descriptor) as channel:
        job = receive(channel, Job)
        host.GRACE_S = job.grace_s
        engine = host.EngineHost(find(job), job.config)
        send(channel, Checked())
        while True:
            try:
                request = receive(channel, RunCase | RunCheck)
            except EOFError:
                break
            serve = run_case if isinstance(request, RunCase) else run_check
            answer: msgspec.Struct = serve(engine, request)
            send(channel, answer)
        engine.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
