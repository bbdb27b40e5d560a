"""The host's own memory, while it runs scripts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from llmspell_core.engine import EngineConfig
from llmspell_engines.lua import LuaEngine
from llmspell_engines.worker import linux

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

READER = """
import os, sys
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
for name in ("environ", "mem", "maps"):
    try:
        with open(f"/proc/{sys.argv[1]}/{name}", "rb") as file:
            file.read(1)
    except PermissionError:
        print(name, "refused")
    except OSError as error:
        print(name, error)
    else:
        print(name, "read")
"""


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture
async def engine() -> AsyncIterator[LuaEngine]:
    """Start an engine that no script was given to yet."""
    async with await LuaEngine.create(EngineConfig(spares=0)) as started:
        yield started


async def test_the_host_is_closed_while_it_runs_scripts(engine: LuaEngine) -> None:
    """From its first script on, nothing of the same user may look into the host."""
    assert linux.dumpable() == 1
    await engine.execute("return 1")
    assert linux.dumpable() == 0


async def test_the_host_is_as_before_when_its_engines_are_closed() -> None:
    """The last engine that closes opens the host again, and no earlier one."""
    first, second = await LuaEngine.create(), await LuaEngine.create()
    await asyncio.gather(first.execute("return 1"), second.execute("return 1"))
    await first.close()
    assert linux.dumpable() == 0
    await second.close()
    assert linux.dumpable() == 1


async def test_a_process_of_the_same_user_reads_nothing_of_it(tmp_path: Path) -> None:
    """`environ`, `mem` and `maps` of a host that runs scripts are closed to its own user."""
    program = tmp_path / "host.py"
    program.write_text(
        "import os, sys\n"
        "from llmspell_engines.host import undumpable\n"
        "from llmspell_engines.worker import linux\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "linux.set_dumpable(1)\n"
        "if sys.argv[1] == 'closed': undumpable.hold()\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    seen = {}
    for state in ("open", "closed"):
        with subprocess.Popen(
            [sys.executable, str(program), state],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as host:
            assert host.stdin is not None
            assert host.stdout is not None
            host.stdout.readline()
            reader = [sys.executable, "-c", READER, str(host.pid)]
            done = subprocess.run(reader, capture_output=True, text=True, timeout=20, check=True)
            seen[state] = done.stdout.split("\n")[0]
            host.stdin.close()
    assert seen == {"open": "environ read", "closed": "environ refused"}
