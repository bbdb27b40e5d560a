"""The host's side of the workers: launching, transport, spares, reaping, limits.

::

    async with Pool(make_launcher("llmspell_engines.lua.guest:LuaGuest"), spares=1,
                    memory_bytes=128 * MIB) as pool:
        worker = await pool.acquire()            # READY was received: worker.about, worker.level
        worker.attach(on_message, on_exit)       # on_message(kind, id, payload), in order;
        worker.send(START, 0, encode(start))     # on_exit(exit) once, after the last message
        worker.watched.limit_cpu(60.0)           # and limit_time(300.0); memory is the pool's
        ...
        await worker.drain()                     # when much was sent
        worker.pause(); worker.resume()          # reading, for back-pressure
        worker.kill("timeout")                   # any reason; it comes back as exit.reason
        exit = await worker.stop()               # kill if alive, deliver what it said, reap

`exit.reason` is what `kill` was given, or one of ``memory``, ``cpu`` and ``timeout`` (the watcher),
``protocol`` (malformed frames, see `exit.message`), ``crashed`` (a signal or an exit code nobody asked for) and
``closed``. `exit.out_of_memory` also recognises an engine that aborted for want of memory.
"""

from __future__ import annotations

from llmspell_engines.host.exit import Exit
from llmspell_engines.host.launch import Level, make_launcher
from llmspell_engines.host.pool import Pool
from llmspell_engines.host.watch import Watcher
from llmspell_engines.host.worker import Worker, WorkerStartError

__all__ = [
    "Exit",
    "Level",
    "Pool",
    "Watcher",
    "Worker",
    "WorkerStartError",
    "make_launcher",
]
