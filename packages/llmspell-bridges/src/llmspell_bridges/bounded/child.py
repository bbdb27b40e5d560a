"""The child's program: limits itself, reads what it is given, does one job, writes the answer.

It imports nothing of llmspell but its jobs: it starts for every call.
"""

from __future__ import annotations

import math
import os
import resource
import sys
from contextlib import suppress

import msgspec

from llmspell_bridges.bounded import jobs


def main() -> None:
    """Do the job of ``argv[1]`` in the memory (bytes) and processor time (seconds) that follow."""
    job, memory_bytes, timeout_s = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    _limit(memory_bytes, math.ceil(timeout_s))
    answer: bytes | dict[str, object]
    try:
        given = msgspec.msgpack.decode(sys.stdin.buffer.read())
        answer = msgspec.msgpack.encode({"value": jobs.JOBS[job](**given)})
    except jobs.ProblemError as problem:
        answer = {"problem": str(problem)}
    except ModuleNotFoundError as error:
        answer = {"missing": error.name}
    except MemoryError:
        answer = {"problem": f"it takes more than {memory_bytes // 2**20} MiB of memory"}
    except RecursionError:
        answer = {"problem": "it is nested too deeply"}
    data = answer if isinstance(answer, bytes) else msgspec.msgpack.encode(answer)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    os._exit(0)  # taking a large heap apart takes time that nobody needs


def _limit(memory_bytes: int, cpu_s: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a lower limit was set before, or there is none here
            resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
