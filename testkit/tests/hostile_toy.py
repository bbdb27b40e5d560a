"""An engine whose host misbehaves as the script says: what the runner of hostile cases must see.

A script is the name of one of `Commands`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmspell_core import dispatch
from llmspell_core.engine import EngineInfo, ScriptEngine
from llmspell_core.errors import LimitError, ScriptRuntimeError
from llmspell_core.limits import limit_error

if TYPE_CHECKING:
    from llmspell_core.session import Session
    from llmspell_core.values import Value

SLEEPER = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
_tasks: list[Any] = []
_broken = False


class HostileToy(ScriptEngine):
    """Runs a command of this module in the host itself."""

    info = EngineInfo(name="hostile-toy", language="Toy", version="1", suffixes=(".toy",))

    async def check_syntax(self, script: str, name: str) -> None:
        return

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        if script == "good":
            return 8 if _broken else 7
        result: Value = await getattr(Commands(params, session), script)()
        return result


class Commands:
    """What a script can say."""

    def __init__(self, params: dict[str, Any], session: Session) -> None:
        self.params = params
        self.session = session

    async def behave(self) -> Value:
        return {
            "pid": self.params["pid"] == os.getpid(),
            "canary": len(self.params["canary_file"]) > 10,
        }

    async def fail(self) -> Value:
        raise ScriptRuntimeError("it failed")

    async def say_escaped(self) -> Value:
        return "ESCAPED by a door"

    async def log_escaped(self) -> Value:
        self.session.log("log", "ESCAPED by a window")
        return 1

    async def show_file(self) -> Value:
        return {"deep": [Path(self.params["canary_file"]).read_text("ascii")]}

    async def show_file_as_bytes(self) -> Value:
        return b"\xff" + Path(self.params["canary_file"]).read_bytes()

    async def show_environment(self) -> Value:
        raise ScriptRuntimeError("it failed", details={"env": os.environ["HOSTILE_CANARY"]})

    async def print_environment(self) -> Value:
        sys.stderr.write(os.environ["HOSTILE_CANARY"])
        return 1

    async def mark(self) -> Value:
        Path(self.params["marker"]).touch()
        return 1

    async def connect(self) -> Value:
        socket.create_connection(("127.0.0.1", self.params["port"])).close()
        return 1

    async def send_datagram(self) -> Value:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"x", ("127.0.0.1", self.params["port"]))
        return 1

    async def crash(self) -> Value:
        os.kill(os.getpid(), signal.SIGSEGV)
        return 1

    async def leave(self) -> Value:
        os._exit(0)

    async def raise_another(self) -> Value:
        raise SystemExit(4)

    async def hang(self) -> Value:
        await self.leave_a_child()
        while True:
            time.sleep(1)

    async def report_twice(self) -> Value:
        print("{}", flush=True)  # noqa: T201 - the point
        return 1

    async def leave_a_child(self) -> Value:
        _tasks.append(subprocess.Popen(SLEEPER, start_new_session=True))
        return 1

    async def leave_a_grandchild(self) -> Value:
        code = f"import subprocess; subprocess.Popen({SLEEPER!r}, start_new_session=True)"
        subprocess.run((sys.executable, "-S", "-c", code), check=True)
        return 1

    async def leave_a_child_and_die(self) -> Value:
        await self.leave_a_child()
        self.session.log("log", "seen")
        await asyncio.sleep(0.5)  # it is seen from outside, which looks every 50 ms
        os._exit(1)

    async def leave_a_call(self) -> Value:
        _tasks.append(asyncio.ensure_future(dispatch.call(self.session, "probe", "never", [])))
        await asyncio.sleep(0)
        return 1

    async def leave_a_crowd(self) -> Value:
        """Break what the next spell needs."""
        global _broken  # noqa: PLW0603 - the point
        _broken = True
        return 1

    async def limit(self) -> Value:
        raise limit_error("memory", 1024)

    async def nameless_limit(self) -> Value:
        raise LimitError("too much", limit="memory")

    async def outlast(self) -> Value:
        await asyncio.sleep(0.3)
        return 1

    async def many_values(self) -> Value:
        return [None, 1, 1.0, float("nan"), b"\x00", {"$t": 1}, "x"]
