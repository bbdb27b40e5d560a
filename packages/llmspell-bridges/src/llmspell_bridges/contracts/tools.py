"""The bridge `tools` keeps the contract of bridges, with a tool that a script defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from llmspell_bridges.contracts.waiting import WAIT, Waiter
from llmspell_bridges.tools import ToolsBridge
from llmspell_testkit import BridgeContract, BridgeWorld, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_testkit.bridge.lab import Run


def _shout(args: dict[str, Any]) -> str:
    text: str = args["text"]
    return text.upper()


def _fail(args: dict[str, Any]) -> str:
    raise RuntimeError(args["text"])


class ToolsContract(BridgeContract):
    """Every method of `tools`, and of the tools that it gives."""

    bridge = ToolsBridge
    faults = {  # noqa: RUF012 - a setting of the contract
        "no-such-tool": Fault(method="execute", args={"name": "none"}, kind="validation"),
        "tool-fails": Fault(
            method="execute", args={"name": "sulk", "args": {"text": "no"}}, kind="tool"
        ),
    }
    slow = {  # noqa: RUF012 - as above
        "execute": msgspec.structs.replace(WAIT, args={"name": "brood", "args": {"text": "hm"}})
    }

    @pytest.fixture
    def bridge_world(self) -> BridgeWorld:
        """Define what the examples call."""
        brood = Waiter()

        async def prepare(run: Run) -> None:
            parameters = {"properties": {"text": {"type": "string"}}, "required": ["text"]}
            functions: dict[str, Callable[..., Any]] = {
                "shout": _shout,
                "sulk": _fail,
                "brood": brood,
            }
            for name, function in functions.items():
                made = run.function(function)
                tool = {"name": name, "handler": made, "parameters": parameters}
                await run.call("define", tool)

        return BridgeWorld(prepare=prepare, data=brood)
