"""The event loop of a contract class: its checks run on it one after the other, each with a deadline."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from llmspell_testkit.bridge.engines import Engines
from llmspell_testkit.bridge.lab import Lab
from llmspell_testkit.deadline import DeadlineError, alarm, within
from llmspell_testkit.loop import ContractLoop

if TYPE_CHECKING:
    from llmspell_testkit.bridge.check import Trial
    from llmspell_testkit.bridge.contract import BridgeContract
    from llmspell_testkit.bridge.world import BridgeWorld

GRACE_S = 5.0
"""How long a check that was cancelled may take to end, and the loop to come back from a call."""
MOST_LATE = 5
"""How many checks of a class may go on beyond their deadline: there are thousands."""
_CLOSE_S = 4 * GRACE_S
"""How long closing the engines may take, and closing the loop, where they block it."""


class BridgeHost:
    """Makes the checks of one contract class."""

    def __init__(self, contract: type[BridgeContract]) -> None:
        """Start nothing yet; what others have left is gone before anything is counted."""
        gc.collect()
        self.contract = contract
        self._engines = Engines()
        self._loop = ContractLoop()
        self._known: Lab | None = None
        self._late = 0
        self.declined: list[str] = []
        """What the latest check needs that its engine has not; it was not made then."""

    def close(self) -> None:
        """Close the engines and the loop.

        Raises:
            AssertionError: something does not end; it is left to itself.
        """
        left: list[str] = []
        try:
            with alarm(_CLOSE_S):
                self._loop.run(within(self._engines.close(), GRACE_S, GRACE_S))
        except (DeadlineError, TimeoutError):
            left = ["an engine"]
        with alarm(_CLOSE_S):
            left += self._loop.close(GRACE_S)
        self._known = None
        gc.collect()  # what warns of itself when it goes does so in this class
        if left:
            text = f"{self.contract.__name__} leaves what does not end: {'; '.join(left)}"
            raise AssertionError(text)

    def problems(self, trial: Trial, world: BridgeWorld) -> list[str]:
        """Make one check, and list what it finds."""
        deadline_s = self.contract.deadline_s
        self.declined = []
        if self._late >= MOST_LATE:
            return [f"expected an end, and {self._late} checks before this one had none: not made"]
        try:
            with alarm(deadline_s + GRACE_S):
                return self._loop.run(within(self._look(trial, world), deadline_s, GRACE_S))
        except (DeadlineError, TimeoutError):
            self._late += 1
            return [f"expected an end within {deadline_s:g} s, and it goes on"]
        except Exception as error:  # noqa: BLE001 - of the bridge's `open` or `close`, or the world's
            return [f"expected the bridge to open and close, got {type(error).__name__}: {error}"]

    async def _look(self, trial: Trial, world: BridgeWorld) -> list[str]:
        lab = Lab(self.contract, world, self._engines)
        if self._known is not None:  # what one check has found out, others need not
            lab.leaves, lab.odd_calls = self._known.leaves, self._known.odd_calls
        self._known = lab
        found = [problem async for problem in trial.check.look(lab, trial.subject)]
        self.declined = lab.declined
        return found
