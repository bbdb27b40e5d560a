"""The MCP server `shelf` of the contract's cases: a shelf with one book; the protocol by hand."""

from __future__ import annotations

import json
import sys
from typing import Any

TITLE = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
TOOLS = [
    {"name": "find", "description": "Find a book", "inputSchema": TITLE},
    {"name": "lose", "description": "Lose a book", "inputSchema": TITLE},
    {"name": "cover", "description": "Show a cover", "inputSchema": {"type": "object"}},
]
BOOK = {"uri": "shelf://owls", "name": "owls", "mimeType": "text/plain"}
PROMPT = {"name": "review", "arguments": [{"name": "title", "required": True}]}
HAS: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}}


def called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Answer a call of a tool."""
    if name == "lose":
        text = f"{arguments['title']} cannot be lost"
        return {"content": [{"type": "text", "text": text}], "isError": True}
    if name == "cover":
        return {"content": [{"type": "image", "data": "b3dsIQ==", "mimeType": "image/png"}]}
    found = {"title": arguments["title"], "place": 3}
    text = f"{arguments['title']}: place 3"
    return {"content": [{"type": "text", "text": text}], "structuredContent": found}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Answer a request; None is a method that it does not know."""
    if method == "initialize":
        about = {"serverInfo": {"name": "Shelf", "version": "1.0"}, "capabilities": HAS}
        return {"protocolVersion": params["protocolVersion"], **about}
    if method == "tools/call":
        return called(params["name"], params.get("arguments") or {})
    if method == "prompts/get":
        text = f"Review {params['arguments']['title']}."
        return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}
    fixed: dict[str, dict[str, Any]] = {
        "tools/list": {"tools": TOOLS},
        "resources/list": {"resources": [BOOK]},
        "resources/read": {"contents": [{**BOOK, "text": "All about owls."}]},
        "prompts/list": {"prompts": [PROMPT]},
    }
    return fixed.get(method)


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        found = answer(request["method"], request.get("params") or {})
        no = {"error": {"code": -32601, "message": "no such method"}}
        said = {"jsonrpc": "2.0", "id": request["id"], **({"result": found} if found else no)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
