"""A system call by its number, for those that the C library does not offer."""

from __future__ import annotations

import ctypes
import os

# not there on Windows, where the lock asks for nothing
_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def call(number: int, *arguments: int | bytes | ctypes.Structure | None) -> int:
    """Make a system call, and return what it does.

    Raises:
        OSError: it failed.
    """
    assert _libc is not None  # noqa: S101 - the lock asks on Linux alone
    words = [
        ctypes.c_long(argument) if isinstance(argument, int)
        else ctypes.byref(argument) if isinstance(argument, ctypes.Structure)
        else ctypes.c_char_p(argument)
        for argument in arguments
    ]  # fmt: skip
    result = int(_libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
