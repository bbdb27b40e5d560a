"""Lua as it is on a kernel that lacks something: stubs stand for what the kernel would answer.

Each class is a guest; what it lacks is taken away in the worker, before the lock is applied.
"""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

from llmspell_engines.lua import guest
from llmspell_engines.lua.guest import LuaGuest
from llmspell_engines.worker.lock import seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_engines.worker.guests import Emit

preload = guest.preload


def answer(code: int) -> Callable[..., int]:
    """Make a system call that fails with an errno."""

    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return refuse


class WithoutSeccomp(LuaGuest):
    """On a kernel built without filters."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        seccomp.call = answer(errno.EINVAL)
        super().__init__(emit, memory_bytes)


class WithThreadsOutOfReach(LuaGuest):
    """With a thread that has a filter of its own, to which ours cannot be added."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        seccomp.call = lambda *_: 4711
        super().__init__(emit, memory_bytes)


class OnAnUnknownMachine(LuaGuest):
    """On a machine whose numbers nobody wrote down."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        seccomp.os = SimpleNamespace(uname=lambda: SimpleNamespace(machine="riscv64"))
        super().__init__(emit, memory_bytes)
