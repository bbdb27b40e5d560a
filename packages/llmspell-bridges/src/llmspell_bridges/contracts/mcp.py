"""The bridge `mcp` keeps the contract of bridges: the real SDK, and a server on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.contracts.mcp_server import mcp_server
from llmspell_bridges.mcp import McpBridge
from llmspell_bridges.mcp.handle import ServerHandle
from llmspell_bridges.tools import ToolsBridge
from llmspell_core import Permissions
from llmspell_testkit import BridgeContract, BridgeWorld, Fault, Slow

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT = Slow(
    broken=lambda world: world.data.holds(),
    reached=lambda world: world.data.waiting.is_set(),
)


class McpContract(BridgeContract):
    """Every method of `mcp`, of the servers and of the tools that it gives."""

    bridge = McpBridge
    companions = (ToolsBridge,)
    permissions = Permissions(mcp=("time",), net=("127.0.0.1",))
    delegates = ("mcp_server:call", "tool:execute")
    handles = {"connect": ServerHandle}  # noqa: RUF012 - a setting of the contract
    faults = {  # noqa: RUF012 - as above
        "no-such-server": Fault(method="connect", args={"name": "tide"}, kind="validation"),
        "hangs-up": Fault(
            method="mcp_server:call", broken=lambda world: world.data.hangs_up(), kind="tool"
        ),
    }
    slow = {"mcp_server:call": _WAIT, "tool:execute": _WAIT}  # noqa: RUF012 - as above

    @pytest.fixture
    def bridge_world(self) -> Iterator[BridgeWorld]:
        """Run the server that the examples name."""
        with mcp_server() as server:
            yield BridgeWorld(settings={"time": {"url": server.url}}, data=server)
