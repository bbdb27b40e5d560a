"""Running hostile cases: each in a host process of its own, judged from outside."""

from __future__ import annotations

import secrets
import select
import socket
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from llmspell_testkit.hostile.case import DEFAULT_LIMITS, HostileCase
from llmspell_testkit.hostile.loader import limits_of
from llmspell_testkit.hostile.process import START_S, Ending, environment, run_host
from llmspell_testkit.hostile.records import Job, Report
from llmspell_testkit.hostile.verdict import problems, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_testkit.hostile.case import GoodSpell

CANARY_VARIABLE = "HOSTILE_CANARY"
"""The variable of the host's environment that holds a secret."""


class Traces(msgspec.Struct, kw_only=True):
    """What an attempt may not leave: the secrets, and what was seen beside the host process."""

    canaries: list[str]
    ending: Ending
    marker: bool = False
    connections: int = 0


class Ran(msgspec.Struct, kw_only=True):
    """A case that was run: what is wrong with it (nothing, where it passes), and how it went."""

    case: HostileCase
    problems: list[str]
    traces: Traces
    found: Report | None
    engine: str

    @property
    def outcome(self) -> str:
        """How the attempt ended, as the host reported it."""
        return "none" if self.found is None else self.found.attempt.outcome

    @property
    def duration_s(self) -> float:
        """How long the attempt ran."""
        return 0.0 if self.found is None else self.found.attempt.duration_s

    @property
    def failure(self) -> str | None:
        """The whole report of a failure: case, script and differences."""
        return report(self.engine, self.case, self.problems) if self.problems else None


def run_case(
    case: HostileCase,
    good: GoodSpell,
    *,
    engine: str,
    isolation: str = "locked",
    require_lock: bool = False,
) -> Ran:
    """Run one case in a host process of its own, and judge it.

    With `require_lock` the case fails where the kernel lock is not to be had in full.
    """
    limits = limits_of(case)
    with TemporaryDirectory(prefix="llmspell-hostile-") as name, _listener() as (port, arrived):
        folder = Path(name)
        canaries = [secrets.token_hex(16), secrets.token_hex(16)]
        canary_file, marker = folder / "canary.txt", folder / "marker"
        canary_file.write_text(canaries[0], encoding="ascii")
        params = {"canary_file": str(canary_file), "marker": str(marker), "port": port}
        job = Job(
            engine=engine,
            isolation=isolation,
            require_lock=require_lock,
            source=case.source,
            files=case.files,
            params=params,
            limits={**DEFAULT_LIMITS, **case.limits},
            good=good.source,
        )
        env = environment(**{CANARY_VARIABLE: canaries[1]})
        deadline_s = START_S + (limits.timeout_s or 0)
        ending = run_host(msgspec.json.encode(job), folder, env, deadline_s)
        traces = Traces(
            canaries=canaries,
            ending=ending,
            marker=marker.exists(),
            connections=arrived(),
        )
    found = _read(ending)
    wrong = problems(case, good, found, traces)
    return Ran(case=case, problems=wrong, traces=traces, found=found, engine=engine)


def _read(ending: Ending) -> Report | None:
    """Read the one report of a host, if that is what it wrote."""
    try:
        return msgspec.json.decode(ending.stdout, type=Report)
    except msgspec.DecodeError:
        return None


@contextmanager
def _listener() -> Iterator[tuple[int, Callable[[], int]]]:
    """Listen on a loopback port, TCP and UDP; what came is counted afterwards."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        stream.bind(("127.0.0.1", 0))
        stream.listen()
        port = stream.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))

        def arrived() -> int:
            waiting, _, _ = select.select([stream, datagrams], [], [], 0)
            return len(waiting)

        yield port, arrived
