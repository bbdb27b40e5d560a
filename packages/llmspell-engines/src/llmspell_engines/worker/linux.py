"""The few Linux system calls that Python does not offer, for a worker and its zygote."""

from __future__ import annotations

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_TID_ADDRESS = 40
_PR_SET_THP_DISABLE = 41

_CLONE_PARENT = 0x00008000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_SIGCHLD = 17
_SIGKILL = 9

# (number of clone, index of its child-tid argument): include/uapi and clone(2), "C library/kernel
# differences"
_CLONE = {"x86_64": (56, 4), "aarch64": (220, 5), "riscv64": (220, 5)}

# PyDLL keeps the GIL, so that the child comes back holding it
_libc = ctypes.PyDLL(None, use_errno=True)


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(ctypes.c_int(option), *padded) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def die_with_parent(parent: int) -> None:
    """Have this process killed when `parent` ends, and end at once if it already has.

    The signal follows the thread that spawned the zygote, so that thread must be long-lived.
    """
    _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def dumpable() -> int:
    """Say whether others of the same user may look into this process: 1 if so, else 0 or 2."""
    return int(_libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0))


def set_dumpable(value: int) -> None:
    """Let others of the same user look into this process (1), or nobody (0)."""
    _prctl(_PR_SET_DUMPABLE, value)


def harden() -> None:
    """Give up core dumps, ptrace by peers, huge pages and every way to gain privileges."""
    set_dumpable(0)
    _prctl(_PR_SET_THP_DISABLE, 1)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def can_fork_for_parent() -> bool:
    """Say whether `fork_for_parent` knows this machine's system call."""
    return os.uname().machine in _CLONE


def fork_for_parent() -> int:
    """Fork a child of this process's *parent*; return its pid, or 0 in the child.

    So a worker belongs to the host: it survives its zygote and dies with the host. Call it with
    exactly one thread.

    Raises:
        OSError: the kernel refused.
    """
    number, tid_at = _CLONE[os.uname().machine]
    arguments = [ctypes.c_long(0)] * 5
    flags = _CLONE_PARENT | _SIGCHLD
    tid_address = ctypes.c_long(0)
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(tid_address), 0, 0, 0) == 0:
        # as glibc's own fork does: its record of the thread's id must be the child's
        flags |= _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
        arguments[tid_at - 1] = tid_address
    arguments[0] = ctypes.c_long(flags)
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = int(_libc.syscall(ctypes.c_long(number), *arguments))
    code = ctypes.get_errno()
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(code, f"clone: {os.strerror(code)}")
    return pid
