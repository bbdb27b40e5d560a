"""The host's memory is closed to other processes of the same user while it runs scripts.

It holds keys. A process that is not dumpable cannot be traced, its ``/proc/PID/mem`` and
``environ`` cannot be read by its own user's other processes, and it leaves no core file: so a
worker that broke out of its engine where there is no lock finds nothing there either. It means
that debuggers and profilers which attach from outside need root meanwhile. Linux only; root can
still look. Source: PR_SET_DUMPABLE in prctl(2), "Ptrace access mode checking" in ptrace(2).
"""

from __future__ import annotations

import sys

_holders = 0
_before = 1


def hold() -> None:
    """Close the process's memory until as many `release` calls came."""
    global _holders, _before  # noqa: PLW0603 - it is a property of the whole process
    _holders += 1
    if _holders == 1 and sys.platform == "linux":
        from llmspell_engines.worker import linux

        _before = linux.dumpable()
        linux.set_dumpable(0)


def release() -> None:
    """Undo one `hold`; the last one makes the process as it was before."""
    global _holders  # noqa: PLW0603 - as above
    _holders -= 1
    if _holders == 0 and sys.platform == "linux" and _before == 1:
        from llmspell_engines.worker import linux

        linux.set_dumpable(1)
