"""Landlock: no file, no TCP, no abstract socket and no signal to others, for this thread.

A rule set that handles every right and grants none. It holds in the thread that calls and in
those it starts afterwards. Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
from struct import pack

# the same on every machine: they are newer than the unified table of system calls
_CREATE_RULESET = 444
_RESTRICT_SELF = 446
_VERSION_QUERY = 1

FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many access rights to files each ABI version knows: the lowest bits of a mask."""
_NETWORK_SINCE, _NETWORK_RIGHTS = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11

_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def abi() -> int:
    """Ask which version of the interface the kernel has.

    Raises:
        OSError: none; ENOSYS if it is too old, EOPNOTSUPP if Landlock is switched off.
    """
    return _call(_CREATE_RULESET, None, 0, _VERSION_QUERY)


def attributes(version: int) -> bytes:
    """Make the rule set's attributes: everything that a kernel of this version can deny."""
    files = max(count for since, count in FILE_RIGHTS.items() if since <= version)
    network = _NETWORK_RIGHTS if version >= _NETWORK_SINCE else 0
    scopes = _SCOPES if version >= _SCOPES_SINCE else 0
    whole = pack("=QQQ", (1 << files) - 1, network, scopes)
    # an older kernel refuses a structure longer than its own
    return whole[: 8 if version < _NETWORK_SINCE else 16 if version < _SCOPES_SINCE else 24]


def restrict() -> None:
    """Deny this thread, and those it will start, all that Landlock can deny. Needs no privilege.

    Raises:
        OSError: the kernel has no Landlock.
    """
    rules = attributes(abi())
    ruleset = _call(_CREATE_RULESET, rules, len(rules), 0)
    try:
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _call(number: int, *arguments: int | bytes | None) -> int:
    assert _libc is not None  # noqa: S101 - the lock asks on Linux alone
    words = [
        ctypes.c_void_p(None) if argument is None
        else ctypes.c_char_p(argument) if isinstance(argument, bytes)
        else ctypes.c_long(argument)
        for argument in arguments
    ]  # fmt: skip
    result = int(_libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
