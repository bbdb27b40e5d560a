"""Landlock: no file, no TCP or UDP, no socket of others and no signal to them, for this thread.

A rule set that handles every right and grants none. It holds in the thread that calls and in
those it starts afterwards. Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import os
from struct import pack

from llmspell_engines.worker.lock.kernel import call

# the same on every machine: they are newer than the unified table of system calls
_CREATE_RULESET = 444
_RESTRICT_SELF = 446
_VERSION_QUERY = 1

FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16, 9: 17}
NETWORK_RIGHTS = {4: 2, 10: 4}
SCOPES = {6: 2}
"""How many rights each ABI version knows, since which one: the lowest bits of a mask."""


def abi() -> int:
    """Ask which version of the interface the kernel has.

    Raises:
        OSError: none; ENOSYS if it is too old, EOPNOTSUPP if Landlock is switched off.
    """
    return call(_CREATE_RULESET, None, 0, _VERSION_QUERY)


def attributes(version: int) -> bytes:
    """Make the rule set's attributes: everything that a kernel of this version can deny."""
    masks = [_mask(rights, version) for rights in (FILE_RIGHTS, NETWORK_RIGHTS, SCOPES)]
    # an older kernel refuses a structure longer than its own
    known = max(index for index, mask in enumerate(masks, 1) if mask)
    return pack(f"={known}Q", *masks[:known])


def _mask(rights: dict[int, int], version: int) -> int:
    counts = [count for since, count in rights.items() if since <= version]
    return (1 << max(counts, default=0)) - 1


def restrict() -> None:
    """Deny this thread, and those it will start, all that Landlock can deny. Needs no privilege.

    Raises:
        OSError: the kernel has no Landlock.
    """
    rules = attributes(abi())
    ruleset = call(_CREATE_RULESET, rules, len(rules), 0)
    try:
        call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
