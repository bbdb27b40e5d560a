"""Run a command where the kernel knows no Landlock, as before Linux 5.13.

Usage: python older_kernel.py COMMAND…

A filter answers Landlock's first system call with ENOSYS; it holds for all that the command starts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

from llmspell_engines.worker.lock import seccomp

_LANDLOCK_CREATE_RULESET = 444
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_EQUAL, _RETURN, _ERRNO = 0x20, 0x15, 0x06, 0x00050000

code = seccomp.assemble(
    [
        (_LOAD, 0, 0, 0),
        (_JUMP_EQUAL, 0, 1, _LANDLOCK_CREATE_RULESET),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
        (_RETURN, 0, 0, seccomp.ALLOW),
    ]
)
libc = ctypes.CDLL(None, use_errno=True)
program = seccomp.Program(len(code) // 8, code)
assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
assert libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the test's own command, no shell
