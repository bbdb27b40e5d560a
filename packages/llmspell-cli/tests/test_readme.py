"""The README's programs run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[3] / "README.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
SPELL = 'return "Hello " .. params.name\n'


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_of_the_readme_runs(tmp_path: Path, program: str) -> None:
    """It is copied word for word, beside a spell called hello.lua."""
    (tmp_path / "hello.lua").write_text(SPELL)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    assert "Hello Ada" in done.stdout


def test_the_readme_embeds_in_five_lines() -> None:
    """The first program is short, and the other one is for those who have an event loop."""
    assert len(PROGRAMS) == 2
    assert len(PROGRAMS[0].strip().splitlines()) <= 5
