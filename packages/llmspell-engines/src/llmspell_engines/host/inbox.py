"""What a worker says during a run, read in order; a large message makes others wait for slices."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from llmspell_core.values import DEFAULT_BOUNDS, Bounds
from llmspell_engines import protocol as p
from llmspell_engines.codec import Reading
from llmspell_engines.host.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_engines.host.calls import Flow

    Handle = Callable[[int, int, Reading], None]

_BOUNDS = {p.LOG: Bounds(depth=1, nodes=2)}
"""Of kinds whose payload has one shape only."""


class Inbox:
    """Reads each message before the next one is delivered, and hands it on."""

    def __init__(self, flow: Flow, handle: Handle) -> None:
        """Call `handle(kind, id, reading)` for each message, in order."""
        self._flow = flow
        self._handle = handle
        self._turns = Turns.of(asyncio.get_running_loop())

    def receive(self, kind: int, number: int, payload: bytes) -> None:
        """Read one message, or begin to."""
        bounds = _BOUNDS.get(kind, DEFAULT_BOUNDS)
        reading = Reading(payload, arguments=kind == p.CALL, bounds=bounds)
        if reading.go_on():
            self._handle(kind, number, reading)
        else:
            self._flow.slow(on=True)
            self._later(kind, number, reading)

    def _later(self, kind: int, number: int, reading: Reading) -> None:
        self._turns.add(partial(self._go_on, kind, number, reading))

    def _go_on(self, kind: int, number: int, reading: Reading) -> None:
        if reading.go_on():
            self._flow.slow(on=False)
            self._handle(kind, number, reading)
        else:
            self._later(kind, number, reading)
