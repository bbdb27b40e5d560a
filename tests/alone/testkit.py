"""llmspell-testkit alone: pytest finds the contract, and runs it over an engine that fails it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CONTRACT = """
from llmspell_core import EngineInfo, ScriptEngine
from llmspell_core.engine import EngineConfig
from llmspell_testkit import EngineContract


class Toy(ScriptEngine):
    info = EngineInfo(name="lua", language="Toy", version="1", suffixes=(".toy",), comment="#")

    async def check_syntax(self, script, name):
        pass

    async def run_script(self, script, params, session):
        return None


class TestToy(EngineContract):
    engine = Toy
    configs = (EngineConfig(isolation="inproc"),)
"""

with TemporaryDirectory() as folder:
    Path(folder, "test_toy.py").write_text(CONTRACT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1]
    assert " failed" in last, done.stdout + done.stderr
    assert " passed" in last, done.stdout + done.stderr
