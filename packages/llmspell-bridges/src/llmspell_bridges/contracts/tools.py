"""The bridge `tools` keeps the contract of bridges, with a tool that a script defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.tools import ToolsBridge
from llmspell_testkit import BridgeContract, BridgeWorld, Fault

if TYPE_CHECKING:
    from llmspell_testkit.bridge.lab import Run


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

    @pytest.fixture
    def bridge_world(self) -> BridgeWorld:
        """Define what the examples call."""

        async def prepare(run: Run) -> None:
            parameters = {"properties": {"text": {"type": "string"}}, "required": ["text"]}
            for name, function in (("shout", lambda args: args["text"].upper()), ("sulk", _fail)):
                made = run.function(function)
                tool = {"name": name, "handler": made, "parameters": parameters}
                await run.call("define", tool)

        return BridgeWorld(prepare=prepare)
