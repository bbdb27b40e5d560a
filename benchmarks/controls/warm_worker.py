"""A process with a raw engine that is ready, waits for one script, and answers with its value."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def make(language: str) -> Callable[[str], object]:
    """Load the engine, and return its way to run a script."""
    if language == "lua":
        from lupa import lua54

        execute: Callable[[str], object] = lua54.LuaRuntime(encoding="latin-1").execute
        return execute
    from py_mini_racer import MiniRacer

    context = MiniRacer()
    evaluate: Callable[[str], object] = context.eval
    evaluate("1")
    return evaluate


run = make(sys.argv[1])
os.write(1, b"ready\n")
script = os.read(0, 65536).decode()
os.write(1, f"{run(script)}\n".encode())
sys.stdin.buffer.read()
# mini-racer may hang in an orderly exit
os._exit(0)
