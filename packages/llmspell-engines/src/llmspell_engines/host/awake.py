"""Keeping the event loop awake for a moment, when a worker is about to say something.

A processor of a virtual machine that has gone to sleep takes 20 to 40 µs to wake, and whoever
wakes it pays for that: measured on 2 shared cores, a call of a script's took the host 104 µs of
processor time and 160 µs in all; with both sides awake for a moment, 56 and 59. So a loop that
expects a worker's next word keeps turning for as long as that usually takes, at the most
`quick.QUICK_S`. All else that is ready runs as it does otherwise.
"""

from __future__ import annotations

import asyncio
import time

from llmspell_engines.host.turns import PerLoop
from llmspell_engines.quick import QUICK_S, several_processors


class Awake(PerLoop):
    """One loop's wakefulness; where there is one processor, it is the worker's turn instead.

    `turning` says whether the loop is kept from sleeping now.
    """

    def __init__(self) -> None:
        """Let the loop sleep as it likes."""
        self._useful = several_processors()
        self._until = 0.0
        self.turning = False

    def stay(self) -> None:
        """Do not sleep before `QUICK_S` from now; call it from the loop's thread."""
        if self._useful:
            self._until = time.perf_counter() + QUICK_S
            if not self.turning:
                self.turning = True
                asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self.turning = time.perf_counter() < self._until
        if self.turning:
            asyncio.get_running_loop().call_soon(self._turn)
