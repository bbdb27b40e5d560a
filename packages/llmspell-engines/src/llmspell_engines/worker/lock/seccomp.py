"""The system call filter: the policy as a program of classic BPF, given to the kernel.

Sources: https://docs.kernel.org/userspace-api/seccomp_filter.html, include/uapi/linux/seccomp.h
and include/uapi/linux/filter.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
from struct import pack

from llmspell_engines.worker.lock.kernel import call
from llmspell_engines.worker.lock.policy import ALLOWED, CHECKED, DEADLY
from llmspell_engines.worker.lock.syscalls import AARCH64, X86_64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Instruction: TypeAlias = tuple[int, int, int, int]
    Check: TypeAlias = tuple[int, int, tuple[int, ...]]

MACHINES = {"x86_64": (0xC000003E, X86_64, 317), "aarch64": (0xC00000B7, AARCH64, 277)}
"""Machine: its AUDIT_ARCH, its numbers, and the number of seccomp(2) itself."""

ALLOW = 0x7FFF0000
DENY = 0x00050000 | errno.EPERM
KILL = 0x80000000

_SET_MODE_FILTER = 1
_TSYNC = 1
"""Every thread of the process gets the filter, or none does."""

_LOAD, _AND, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
# struct seccomp_data: int nr, u32 arch, u64 instruction_pointer, u64 args[6]; little-endian
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000
"""Numbers from here are the x32 interface of x86-64: the same calls by other numbers."""


def program(machine: str) -> list[Instruction]:
    """Write the filter for a machine, as (code, jump if true, jump if false, value)."""
    arch, numbers, _ = MACHINES[machine]

    def verdict_if(name: str, verdict: int) -> list[Instruction]:
        if name not in numbers:
            return []
        return [(_JUMP_EQUAL, 0, 1, numbers[name]), (_RETURN, 0, 0, verdict)]

    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, KILL),
    ]
    for name, checks in CHECKED.items():
        code += _checked(numbers[name], checks)
    for name in ALLOWED:
        code += verdict_if(name, ALLOW)
    for name in DEADLY:
        code += verdict_if(name, KILL)
    return [*code, (_RETURN, 0, 0, DENY)]


def _checked(number: int, checks: tuple[Check, ...]) -> list[Instruction]:
    """Allow a call where all `checks` hold, see `CHECKED`."""
    deny = sum(2 + len(values) for _, _, values in checks) + 1
    body: list[Instruction] = []
    for argument, mask, values in checks:
        # the lower half: the kernel takes no more of these arguments
        body += [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), (_AND, 0, 0, mask)]
        for left, value in zip(reversed(range(len(values))), values, strict=True):
            otherwise = 0 if left else deny - len(body) - 1
            body.append((_JUMP_EQUAL, left, otherwise, value))
    body += [(_RETURN, 0, 0, ALLOW), (_RETURN, 0, 0, DENY)]
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def assemble(code: list[Instruction]) -> bytes:
    """Turn instructions into an array of `struct sock_filter`."""
    return b"".join(pack("=HBBI", *instruction) for instruction in code)


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


# once, in the zygote: a forked worker only hands it to the kernel
_assembled = {
    machine: assemble(program(machine)) for machine in MACHINES if machine == os.uname().machine
} if hasattr(os, "uname") else {}  # fmt: skip


def install() -> None:
    """Filter the system calls of every thread of this process from now on, for good.

    Needs `no_new_privs`, which `linux.harden` set.

    Raises:
        OSError: the kernel refused, a thread could not be reached, or the machine is unknown.
    """
    machine = os.uname().machine
    if machine not in _assembled:
        raise OSError(f"no filter for the machine {machine}")
    data = _assembled[machine]
    whole = Program(len(data) // 8, data)
    thread = call(MACHINES[machine][2], _SET_MODE_FILTER, _TSYNC, whole)
    if thread:
        raise OSError(f"thread {thread} could not be given the filter")
