"""Hostile case files: the shipped ones are whole, and a wrong one says where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_core.limits import MIB
from llmspell_testkit import CaseFileError
from llmspell_testkit.hostile.loader import limits_of, load_corpus, packaged

if TYPE_CHECKING:
    from pathlib import Path

GOOD = 'source = "return 1"\nresult = 1\n'
CASE = """
topic = "escape"
since = "0.2"
[[case]]
id = "escape-one"
description = "It tries."
source = "try()"
expect = ["ok", "runtime", "limit:timeout"]
result = { "$null" = true }
limits = { timeout_s = 0.5 }
files = { "lib/a.x" = "a" }
"""


def _write(folder: Path, text: str = CASE, good: str | None = GOOD) -> Path:
    (folder / "escape.toml").write_text(text, encoding="utf-8")
    if good is not None:
        (folder / "good.toml").write_text(good, encoding="utf-8")
    return folder


def test_a_folder_is_a_corpus(tmp_path: Path) -> None:
    """Cases have the topic and version of their file, and the corpus's limits but for their own."""
    corpus = load_corpus(_write(tmp_path))
    case = corpus.cases["escape-one"]
    assert (case.topic, case.since, case.result) == ("escape", "0.2", None)
    assert case.files == {"lib/a.x": "a"}
    limits = limits_of(case)
    assert (limits.timeout_s, limits.memory_bytes, limits.cpu_s) == (0.5, 32 * MIB, 5.0)
    assert (corpus.good.source, corpus.good.result) == ("return 1", 1)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"runtime"', '"nonsense"', "escape-one`: no such outcome: nonsense"),
        ('"limit:timeout"', '"limit"', "escape-one`: a limit has a name"),
        ('"runtime"', '"runtime:x"', "escape-one`: a limit has a name"),
        ('"ok", ', "", "escape-one`: a `result` without the outcome `ok`"),
        ("timeout_s", "timeout", "escape-one`: Unexpected keyword"),
        ('"$null"', '"$nil"', "escape-one`: a table with the key"),
        ("description", "descriptions", "escape-one`: Object"),
        ('"escape-one"', '"Escape one"', "Escape one`: Expected `str` matching regex"),
        ('expect = ["ok", "runtime", "limit:timeout"]', "expect = []", "escape-one`: Expected"),
        ("[[case]]", "[[case", "escape.toml: "),
        ("timeout_s = 0.5", "timeout_s = -1", "escape-one`: limit `timeout_s` must be positive"),
    ],
)
def test_a_mistake_names_file_and_case(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    """What is wrong is said with the case it is wrong in."""
    assert before in CASE
    with pytest.raises(CaseFileError) as caught:
        load_corpus(_write(tmp_path, CASE.replace(before, after)))
    assert message in str(caught.value)
    assert str(caught.value).startswith("escape.toml: ")


def test_ids_are_unique(tmp_path: Path) -> None:
    """Two cases of one id are a mistake, in two files as well."""
    (tmp_path / "another.toml").write_text(CASE, encoding="utf-8")
    with pytest.raises(CaseFileError, match="another case has this id"):
        load_corpus(_write(tmp_path))


def test_a_corpus_has_a_good_spell(tmp_path: Path) -> None:
    """Without one nobody could tell whether the host survived."""
    with pytest.raises(CaseFileError, match=r"needs a good\.toml"):
        load_corpus(_write(tmp_path, good=None))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The folder is named."""
    with pytest.raises(CaseFileError, match="no such folder of hostile cases"):
        load_corpus(tmp_path / "nothing")


@pytest.mark.parametrize("language", ["lua", "javascript"])
def test_the_shipped_corpus_is_whole(language: str) -> None:
    """It has at least 120 cases; each says what it attempts, and no two are the same."""
    cases = load_corpus(packaged(language)).cases.values()
    assert len(cases) >= 120
    assert all(case.description.endswith(".") for case in cases)
    assert len({(case.source, str(case.files), str(case.limits)) for case in cases}) == len(cases)
