"""The bridge `http` keeps the contract of bridges, against a server on this machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.contracts.echo_server import serving
from llmspell_bridges.http import HttpBridge
from llmspell_core import Permissions
from llmspell_testkit import BridgeContract, BridgeWorld, Fault, Slow

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def hanging_up(world: BridgeWorld) -> Iterator[None]:
    """Let the server end each connection without an answer."""
    world.data.broken = True
    try:
        yield
    finally:
        world.data.broken = False


_WAIT = Slow(
    args={"url": "https://example.org/wait"},
    reached=lambda world: world.data.waiting.is_set(),
    released=lambda world: world.data.released.is_set(),
)


class HttpContract(BridgeContract):
    """Every method of `http`, over real connections."""

    bridge = HttpBridge
    permissions = Permissions(net=("127.0.0.1",))
    faults = {  # noqa: RUF012 - a setting of the contract
        "hangs-up": Fault(method="get", broken=hanging_up, kind="network"),
        "hangs-up-stream": Fault(method="stream", broken=hanging_up, kind="network"),
        "nobody-there": Fault(method="post", args={"url": "http://127.0.0.1:9/"}, kind="network"),
        "no-tls": Fault(method="put", args={"url": "http://example.com/"}, kind="permission"),
    }
    slow = {"get": _WAIT, "stream": _WAIT}  # noqa: RUF012 - a setting of the contract

    @pytest.fixture
    def bridge_world(self) -> Iterator[BridgeWorld]:
        """Let a server on this machine stand for the one in the examples."""
        with serving() as server:
            yield BridgeWorld(stand_ins={"https://example.org": server.url}, data=server)
