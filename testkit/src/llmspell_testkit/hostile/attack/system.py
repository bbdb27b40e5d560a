"""System calls by their own names and numbers, as injected machine code would make them."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import TYPE_CHECKING, Any

from llmspell_testkit.hostile.attack.numbers import NUMBERS

if TYPE_CHECKING:
    from typing import TypeAlias

    Argument: TypeAlias = "int | bytes | ctypes.Array[Any] | ctypes.Structure | None"

AT_FDCWD = -100
SOCKET = 3
"""The worker's socket to its host; 2 is the pipe that is its stderr, 0 and 1 are /dev/null."""
PAGE = os.sysconf("SC_PAGESIZE")

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
]  # fmt: skip

_numbers = NUMBERS.get(platform.machine(), {})


def call(name: str, *arguments: Argument) -> int:
    """Make a system call; raise OSError when it is refused."""
    return call_number(_numbers[name], *arguments)


def call_number(number: int, *arguments: Argument) -> int:
    """Make the system call of this number; raise OSError when it is refused."""
    return checked(int(libc.syscall(ctypes.c_long(number), *map(_word, arguments))))


def checked(result: int) -> int:
    """Return a C function's result; raise OSError when it is -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _word(argument: Argument) -> Any:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    if argument is None or isinstance(argument, bytes):
        return ctypes.c_char_p(argument)
    return ctypes.byref(argument)


def words(*values: int) -> ctypes.Array[ctypes.c_long]:
    """Lay 64-bit words one after the other: a structure of such."""
    return (ctypes.c_long * len(values))(*values)


def vector(buffer: ctypes.Array[ctypes.c_char]) -> ctypes.Array[ctypes.c_long]:
    """Make an `iovec` of one buffer, which must be kept."""
    return words(ctypes.addressof(buffer), len(buffer))


def pages(protection: int, flags: int, fd: int = -1) -> int:
    """Map one page; return its address, raise OSError when it is refused."""
    address = libc.mmap(None, PAGE, protection, flags, fd, 0)
    if address in (None, ctypes.c_void_p(-1).value):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(address)
