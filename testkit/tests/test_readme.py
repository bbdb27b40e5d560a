"""What the README shows of cases of one's own works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent
ENGINE = """
import toy_engine
from llmspell_core.engine import EngineInfo

class MyEngine(toy_engine.ToyEngine):
    info = EngineInfo(
        name="my", language="My", version="1", suffixes=(".my",),
        capabilities=frozenset({"hard_timeout"}),
    )
"""


def blocks() -> dict[str, str]:
    """Return the README's files, by their names."""
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def test_a_suite_of_ones_own_runs(pytester: pytest.Pytester) -> None:
    """The README's cases run beside the contract's, as the suite of the language."""
    files = blocks()
    assert set(files) == {"money.toml", "test_money.py"}
    for name, text in files.items():
        (pytester.path / name).write_text(text, encoding="utf-8")
    (pytester.path / "toy_engine.py").write_text((HERE / "toy_engine.py").read_text())
    (pytester.path / "my_engine.py").write_text(ENGINE)
    (pytester.path / "my_sources.toml").write_text('values-int = "return 42"')
    pytester.syspathinsert()

    result = pytester.runpytest_inprocess("-m", "contract_language", "-pno:cacheprovider", "-v")

    counts = result.parseoutcomes()
    assert counts.pop("deselected") > 400
    assert counts == {"passed": 1}
    result.stdout.fnmatch_lines(["*test_case[[]inproc-money-cents] PASSED*"])
