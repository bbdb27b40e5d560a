"""A server that does what no good one does; it speaks the protocol by hand.

Its argument is JSON: `tools`, what it lists; `pages`, how often it names a next page; `pad`,
how long each schema is; `start`, what it does instead of answering: ``silent``, ``garbage``, ``die``, ``stubborn``;
`mute` answers nothing at all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

OPTIONS = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
ANY = {"type": "object"}
NAMES = ("ask", "chat", "close", "die", "echo", "flood", "hang", "long", "pid", "answer", "odd")
PAD = "x" * OPTIONS.get("pad", 0)
TOOLS = OPTIONS.get("tools", [{"name": name, "inputSchema": ANY} for name in NAMES])


def send(message: dict[str, Any]) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def receive() -> dict[str, Any]:
    """Read one message; at the end of the input, end."""
    line = sys.stdin.readline()
    if not line:
        if OPTIONS.get("start") == "stubborn":
            write(OPTIONS["file"] + ".end", "the input has ended")
            time.sleep(90)
        sys.exit(0)
    found: dict[str, Any] = json.loads(line)
    return found


def write(name: str, words: str) -> None:
    """Write a file, for the test to find whole."""
    with open(name + ".new", "w", encoding="utf-8") as file:  # noqa: PTH123 - a small program
        file.write(words)
    os.replace(name + ".new", name)  # noqa: PTH105 - as above


def text(words: str) -> dict[str, Any]:
    """Make a tool's answer."""
    return {"content": [{"type": "text", "text": words}]}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Do what a tool does; None gives no answer."""
    if name == "echo":
        return text(json.dumps(arguments))
    if name in {"answer", "odd"}:
        return arguments if name == "answer" else odd(arguments["kind"])
    if name == "pid":
        return text(str(os.getpid()))
    if name == "ask":
        send({"id": "mine", **arguments})
        while (answer := receive()).get("id") != "mine":
            pass
        return text(json.dumps(answer.get("error") or answer.get("result")))
    if name == "chat":
        log = {"level": "info", "data": "chatter"}
        for _ in range(arguments["count"]):
            send({"method": "notifications/message", "params": log})
        return text("said it")
    return misbehave(name)


def odd(kind: str) -> dict[str, Any]:
    """Make data that no script can hold."""
    deep = json.loads("[" * 150 + "]" * 150)
    found = {"large": 10**30, "deep": deep, "surrogate": "\ud800"}[kind]
    return {"content": [], "structuredContent": {"it": found}}


def misbehave(name: str) -> dict[str, Any] | None:
    """Do what a server may not."""
    if name == "die":
        sys.stderr.write("\x1b[31mout of owls\n")
        sys.exit(3)
    if name == "flood":
        while True:
            send({"method": "notifications/message", "params": {"level": "info", "data": "x"}})
    if name == "long":
        sys.stdout.write("x" * (11 << 20))
        sys.stdout.flush()
    if name == "close":
        os.close(1)
        time.sleep(90)
    return None


def answer(request: dict[str, Any]) -> dict[str, Any] | None:
    """Answer a request; None gives no answer."""
    method, params = request["method"], request.get("params") or {}
    if method == "initialize":
        about = {"name": "raw\x1b[31m", "version": "1"}
        has: dict[str, Any] = {"tools": {}, "resources": {}}
        version = params["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": has, "serverInfo": about}
        return {"result": result}
    if method == "tools/list":
        for tool in TOOLS if PAD else ():
            tool["inputSchema"]["description"] = PAD
        return {"result": listing("tools", TOOLS, params)}
    if method == "resources/list":
        return {"result": listing("resources", [], params)}
    if method == "tools/call":
        result = call(params["name"], params.get("arguments") or {})
        return None if result is None else {"result": result}
    return {"error": {"code": -32601, "message": f"no {method}"}}


def listing(what: str, items: list[Any], params: dict[str, Any]) -> dict[str, Any]:
    """Give a page of a list."""
    at = int(params.get("cursor") or 0)
    again = OPTIONS.get("pages", 0)
    if again == "same":
        return {what: items, "nextCursor": "1"}
    return {what: items, **({"nextCursor": str(at + 1)} if at < again else {})}


def main() -> None:
    """Serve."""
    start = OPTIONS.get("start")
    if start == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(90)"])
        write(OPTIONS["file"], f"{os.getpid()} {child.pid}")
    if start == "child":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(90)"])
    if start == "die":
        sys.stderr.write("no owls today\n")
        sys.exit(4)
    if start == "garbage":
        sys.stdout.write("Welcome to the owl server!\n")
        sys.stdout.flush()
    while True:
        request = receive()
        if (
            not OPTIONS.get("mute")
            and start not in {"silent", "garbage"}
            and "id" in request
            and "method" in request
        ):
            result = answer(request)
            if result is not None:
                send({"id": request["id"], **result})


if __name__ == "__main__":
    main()
