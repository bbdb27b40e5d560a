"""What a fresh Python of `host/spawn.py` runs: a zygote, or a worker without one."""

from __future__ import annotations

import os


def boot(role: str, spec: str, host: str, layers: str, memory_bytes: str = "") -> None:
    """Become a ``zygote`` or a ``worker`` of the process `host`; never returns.

    `layers` are those of the lock that workers apply, joined by ``+``; "" is none.
    """
    os.environ.clear()
    # dates of a script must not depend on the machine, and V8 reads the zone only once
    os.environ["TZ"] = "UTC"
    wanted = tuple(layers.split("+")) if layers else ()
    if role == "zygote":
        from llmspell_engines.worker.zygote import zygote_main

        zygote_main(spec, int(host), wanted)
    else:
        from llmspell_engines.worker.main import exec_main

        exec_main(spec, int(host), wanted, int(memory_bytes) if memory_bytes else None)
