"""What an attempt is, what it is given, and what came of it."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What an attempt can aim at; a `Stage` makes it.

    `folder` is the attempt's own: it holds the file ``canary`` with the text `canary` and the
    empty folder ``empty``. `host` is the process that ran it, `victim` one that may be harmed; the
    latter has `canary` in its environment, and at `address` of its memory. `stream`, `datagram` and
    `abstract` name UNIX sockets that listen, `tcp` and `udp` are ports of 127.0.0.1 that do.
    """

    folder: str
    canary: str
    host: int
    victim: int
    address: int
    stream: str
    datagram: str
    abstract: str
    tcp: int
    udp: int

    def to_json(self) -> bytes:
        """Write it for the process that attempts."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Scene:
        """Read it there."""
        return cls(**json.loads(data))


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What came of an attempt: ``open`` if it worked, ``blocked`` and by which errno if not.

    A third outcome has no report: the kernel ended the process (SIGSYS).
    """

    outcome: Literal["open", "blocked"]
    errno: int | None = None

    def to_json(self) -> bytes:
        """Write it for whoever watches."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Report:
        """Read what an attacker says of itself."""
        return cls(**json.loads(data))


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One thing that a worker whose engine was taken over would try.

    `run` returns if it worked and raises OSError if it was refused; what it would do is harmless
    to the machine. `call` is the system call that a filter refuses first; None where the attempt
    is held by how the worker was set up, with or without a lock. `absent` are the errnos of a
    kernel without the thing, or where it is switched off. `futile` says why it fails without a
    lock too, for a user without privileges: such an attempt is made under the filter only.
    """

    name: str
    tries: str
    run: Callable[[Scene], object]
    call: str | None
    absent: frozenset[int]
    futile: str

    def report(self, scene: Scene) -> Report:
        """Make the attempt."""
        try:
            self.run(scene)
        except OSError as error:
            return Report(outcome="blocked", errno=error.errno)
        return Report(outcome="open")


ATTEMPTS: dict[str, Attempt] = {}
"""Every attempt that this machine knows, by its name."""

OWNED = 77
"""The exit code of a process whose attempt replaced its program: it worked."""


def attempt(
    call: str | None,
    *,
    absent: Iterable[int] = (),
    futile: str = "",
    only: str | None = None,
) -> Callable[[Callable[[Scene], Any]], Callable[[Scene], Any]]:
    """Register a function as an attempt, see `Attempt`; `only` names the machine that has it."""

    def register(run: Callable[[Scene], Any]) -> Callable[[Scene], Any]:
        if only in (None, platform.machine()):
            name = run.__name__
            assert name not in ATTEMPTS, f"two attempts are called {name}"
            tries = (run.__doc__ or "").strip().partition("\n")[0]
            ATTEMPTS[name] = Attempt(
                name=name,
                tries=tries,
                run=run,
                call=call,
                absent=frozenset(absent),
                futile=futile,
            )
        return run

    return register
