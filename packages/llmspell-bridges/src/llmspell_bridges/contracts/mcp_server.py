"""An MCP server for the contract tests: by hand, over HTTP, in a thread of its own."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmspell_bridges.contracts.serving import ContractHandler, ContractServer, served

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
_RESULTS: dict[str, Any] = {
    "tools/list": {"tools": [{"name": "get_current_time", "inputSchema": _TEXT}]},
    "tools/call": {"content": [{"type": "text", "text": "noon"}]},
    "resources/list": {"resources": [{"uri": "memo://today", "name": "today"}]},
    "resources/read": {"contents": [{"uri": "memo://today", "text": "feed the owl"}]},
    "prompts/list": {"prompts": [{"name": "greet"}]},
    "prompts/get": {
        "messages": [{"role": "user", "content": {"type": "text", "text": "Say hello"}}]
    },
}


class McpServer(ContractServer):
    """`broken` hangs up on each request; `held` lets each call of a tool wait."""

    def __init__(self) -> None:
        """Listen on a free port of the loopback address."""
        super().__init__(_Handler)
        self.broken = False

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{super().url}/mcp"

    @contextmanager
    def hangs_up(self) -> Iterator[None]:
        """End each connection without an answer."""
        self.broken = True
        try:
            yield
        finally:
            self.broken = False


class _Handler(ContractHandler):
    server: McpServer

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server looks for
        size = int(self.headers.get("Content-Length") or 0)
        request = json.loads(self.rfile.read(size))
        method, params = request["method"], request.get("params") or {}
        if self.server.broken:
            self.close_connection = True
        elif "id" not in request:
            self._send(202, None)
        elif self.server.held and method == "tools/call":
            self.wait()
        else:
            self._send(200, {"jsonrpc": "2.0", "id": request["id"], **_answer(method, params)})

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server looks for
        self._send(405, None)

    def do_DELETE(self) -> None:  # noqa: N802 - the name that http.server looks for
        self._send(200, None)

    def _send(self, status: int, message: dict[str, Any] | None) -> None:
        data = b"" if message is None else json.dumps(message).encode()
        self.send(status, "application/json", data)


def _answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        has: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}}
        about = {"name": "time", "version": "1"}
        version = params["protocolVersion"]
        return {"result": {"protocolVersion": version, "capabilities": has, "serverInfo": about}}
    if method in _RESULTS:
        return {"result": _RESULTS[method]}
    return {"error": {"code": -32601, "message": f"no {method}"}}


@contextmanager
def mcp_server() -> Iterator[McpServer]:
    """Run a server on a free loopback port."""
    with served(McpServer()) as server:
        yield server
