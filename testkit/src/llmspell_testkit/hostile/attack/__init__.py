"""The attack program: what a worker whose engine was taken over would try, in plain Python.

Each attempt is a function that returns if it worked and raises OSError if it was refused. A
worker's guest runs them by name inside the lock (`ATTEMPTS`, `Scene`, `Report`); a `Stage` makes
what they aim at. Only the standard library is used, so that a worker need not have more.

::

    python -m llmspell_testkit.hostile.attack

lists them; with a name and a scene in JSON one is made, in that very process, without a lock.
"""

from __future__ import annotations

from llmspell_testkit.hostile.attack import (
    descriptors,
    files,
    host,
    kernel,
    memory,
    metadata,
    mounts,
    network,
    privileges,
    processes,
    tracing,
)
from llmspell_testkit.hostile.attack.attempt import ATTEMPTS, OWNED, Attempt, Report, Scene
from llmspell_testkit.hostile.attack.memory import prepare
from llmspell_testkit.hostile.attack.stage import Stage

FILES = (
    descriptors,
    files,
    host,
    kernel,
    memory,
    metadata,
    mounts,
    network,
    privileges,
    processes,
    tracing,
)
"""The modules that register the attempts, one topic each."""

__all__ = ["ATTEMPTS", "FILES", "OWNED", "Attempt", "Report", "Scene", "Stage", "prepare"]
