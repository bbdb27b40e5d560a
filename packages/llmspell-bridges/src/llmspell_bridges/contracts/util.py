"""The bridge `util` keeps the contract of bridges."""

from __future__ import annotations

import pytest

from llmspell_bridges.contracts.waiting import WAIT, Waiter
from llmspell_bridges.util import UtilBridge
from llmspell_testkit import BridgeContract, BridgeWorld, Fault


class UtilContract(BridgeContract):
    """`retry`, with a function of the script."""

    bridge = UtilBridge
    faults = {  # noqa: RUF012 - a setting of the contract
        "no-such-kind": Fault(
            method="retry", args={"policy": {"on": ["netwrk"]}, "call": None}, kind="validation"
        ),
    }
    slow = {"retry": WAIT}  # noqa: RUF012 - as above

    @pytest.fixture
    def bridge_world(self) -> BridgeWorld:
        """Let the script's functions wait where they are told to."""
        waiter = Waiter()
        return BridgeWorld(function=waiter, data=waiter)
