"""The bridge `util` keeps the contract of bridges."""

from __future__ import annotations

from llmspell_bridges.util import UtilBridge
from llmspell_testkit import BridgeContract, Fault


class UtilContract(BridgeContract):
    """`retry`, with a function of the script."""

    bridge = UtilBridge
    faults = {  # noqa: RUF012 - a setting of the contract
        "no-such-kind": Fault(
            method="retry", args={"policy": {"on": ["netwrk"]}, "call": None}, kind="validation"
        ),
    }
