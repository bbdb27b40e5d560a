"""Run a module, or import every module of ours, and write each use of the network to a file.

Usage: python tests/offline.py LOG [MODULE [ARGUMENT…]]

Extension modules that open sockets on their own are not seen; none of ours has one.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import runpy
import socket
import sys

OURS = (
    "llmspell_core",
    "llmspell_engines",
    "llmspell_bridges",
    "llmspell_cli",
    "llmspell_testkit",
)
_NETWORK = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
_COMMAND = "__main__"  # importing it runs the command


def watch(log: int) -> None:
    """Write each use of the network by this process to `log`, and refuse it."""

    def hook(event: str, args: tuple[object, ...]) -> None:
        if not event.startswith(_NETWORK):
            return
        if isinstance(args[0], socket.socket) and args[0].family == socket.AF_UNIX:
            return
        os.write(log, f"{event} {args}\n".encode())
        raise OSError(f"{event} at import time")

    sys.addaudithook(hook)


def import_everything() -> None:
    """Import all modules of the five distributions, then litellm with our settings."""
    count = 0
    for package in OURS:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if module.name.rpartition(".")[2] != _COMMAND:
                importlib.import_module(module.name)
                count += 1
    from llmspell_bridges.llm.importing import litellm_ready

    asyncio.run(litellm_ready())
    print(f"{count} modules")


if __name__ == "__main__":
    watch(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT))
    del sys.argv[1]
    if len(sys.argv) > 1:
        del sys.argv[0]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        import_everything()
