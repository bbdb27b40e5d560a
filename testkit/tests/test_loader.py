"""Case files: the packaged ones are whole, and a wrong one says where it is wrong."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import pytest

from llmspell_core.engine import CAPABILITIES, TRAITS
from llmspell_testkit import CaseFileError, load_cases, load_sources
from llmspell_testkit.case import CONTRACT_VERSION
from llmspell_testkit.checks import LIMIT_SETTERS
from llmspell_testkit.schema import FILE, schema_text

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
topic = "values"
since = "0.1"
[[case]]
id = "one"
description = "One is one."
heading = "values#integers"
source.lua = "return 1"
expect.result = 1
"""
DECLINED_BY = {"lua": "bytes", "javascript": "float_identity"}
"""What our engines' languages cannot tell apart, so that no source could show it."""


def _load(folder: Path, text: str) -> None:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    load_cases([file])


def test_the_contract_has_its_topics() -> None:
    """Every topic of the contract has cases, 400 and more in all, 100 and more of them on values."""
    cases = load_cases()

    assert len(cases) >= 400
    assert sum(case.topic == "values" for case in cases.values()) >= 100
    assert {case.topic for case in cases.values()} == {
        "values",
        "errors",
        "params",
        "calls",
        "callbacks",
        "handles",
        "streams",
        "text_records",
        "builders",
        "concurrency",
        "limits",
        "stdlib",
        "syntax",
        "includes",
        "declined",
        "lacking",
        "performance",
        "sandbox",
    }


def test_every_noun_has_a_case() -> None:
    """Whatever an engine can claim or state, some case holds it to."""
    needed = {need for case in load_cases().values() for need in case.needs}

    assert needed == {*CAPABILITIES, *TRAITS}


def test_no_noun_is_in_both_sets() -> None:
    """A noun is a capability or a trait: `needs` may name either."""
    assert not set(CAPABILITIES) & set(TRAITS)


def test_every_capability_has_a_refusal() -> None:
    """Whatever an engine can decline must be refused, by a case or as a limit; there is no exception."""
    refused = [case for case in load_cases().values() if case.declines is not None]

    assert {case.declines for case in refused} | set(LIMIT_SETTERS) == set(CAPABILITIES)
    for case in refused:
        assert case.expect.error is not None
        assert case.expect.error.kind == "unsupported"
        assert case.expect.error.details["capability"] == case.declines


def test_every_trait_is_shown_by_itself() -> None:
    """Whatever a language has is shown by a case that needs nothing else: no decline leaves it out."""
    alone = {need for case in load_cases().values() for need in case.needs if len(case.needs) == 1}

    assert set(TRAITS) <= alone


def test_every_trait_has_an_absence() -> None:
    """Whatever a language can lack is shown to be lacking, in words that both of ours have, too."""
    lacking = [case for case in load_cases().values() if case.lacks is not None]

    assert {case.lacks for case in lacking if not case.needs} == set(TRAITS)
    assert all({"lua", "javascript"} <= set(case.source) for case in lacking)


@pytest.mark.parametrize("language", ["lua", "javascript"])
def test_every_case_is_written_in_both_languages(language: str) -> None:
    """A case has a source in each of our languages, unless that one cannot tell it apart."""
    missing = [
        name
        for name, case in load_cases().items()
        if language not in case.source and DECLINED_BY[language] not in case.needs
    ]

    assert missing == []


def test_no_description_is_used_twice() -> None:
    """Each case shows a behaviour of its own."""
    descriptions = [case.description for case in load_cases().values()]

    assert len(set(descriptions)) == len(descriptions)


def test_the_schema_is_up_to_date() -> None:
    """The JSON Schema beside the cases is the one the types make."""
    file = resources.files("llmspell_testkit") / "cases" / FILE

    assert file.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "one"', 'id = "One!"', "case `One!`: Expected `str` matching regex"),
        ("expect.result", "expect.reslut", "case `one`: .*reslut.* at `expect`"),
        ("expect.result = 1", "expect.logs = []", "exactly one of `result` and `error`"),
        ("expect.result = 1", 'expect.error.kind = "oops"', "no such kind of error: oops"),
        ("expect.result = 1", 'expect.result = {"$int" = 1.5, a = 1}', r"one tag of \$null"),
        ("source.lua", 'needs = ["magic"]\nsource.lua', "no such capability or trait: magic"),
        ("source.lua", 'declines = "magic"\nsource.lua', "no such capability: magic"),
        (
            "source.lua",
            'declines = "bytes"\nsource.lua',
            r"no such capability: bytes \(it is a trait: say `lacks`",
        ),
        ("source.lua", 'lacks = "magic"\nsource.lua', "no such trait: magic"),
        (
            "source.lua",
            'lacks = "int64"\nsource.lua',
            r"no such trait: int64 \(it is a capability: say `declines`",
        ),
        ("source.lua", 'lacks = "bytes"\ndeclines = "int64"\nsource.lua', "at most one of"),
        (
            "expect.result = 1",
            'expect.error.kind = ["tool", "oops"]',
            "no such kind of error: oops",
        ),
        ("source.lua", "limits.speed = 1\nsource.lua", "case `one`: .*speed"),
        ("source.lua", "limits.timeout_s = -1\nsource.lua", "must be positive"),
        ("source.lua", 'then = "two"\nsource.lua', "`then` names no case: two"),
        ("source.lua", "permissions.fly = true\nsource.lua", "case `one`: .*fly"),
        ("source.lua", "deadline_s = 0\nsource.lua", "case `one`: .*> 0"),
        ('heading = "values#integers"\n', "", "case `one`: .*heading"),
        ('topic = "values"', "topic = 1", "mine.toml: Expected `str`"),
        ('topic = "values"', "topic = ", "mine.toml: .*line 2"),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The error of a wrong case file names the file, the case and what is wrong."""
    with pytest.raises(CaseFileError, match=message) as caught:
        _load(tmp_path, GOOD.replace(old, new))

    assert str(caught.value).startswith(("mine.toml: ", "values.toml: "))


def test_an_id_is_used_once(tmp_path: Path) -> None:
    """Two cases of one id are refused."""
    with pytest.raises(CaseFileError, match="another case has this id"):
        _load(tmp_path, GOOD + GOOD[GOOD.index("[[case]]") :])


def test_an_overlay_names_real_cases(tmp_path: Path) -> None:
    """A source for a case that does not exist is refused."""
    file = tmp_path / "overlay.toml"
    file.write_text('values-int = "return 1"\nnosuch = "return 2"')

    with pytest.raises(CaseFileError, match=r"overlay\.toml: case `nosuch`: there is no such case"):
        load_sources(file, load_cases())


@pytest.mark.parametrize("name", ["values-int", "declined-concurrency", "lacking-catching"])
def test_an_overlay_has_no_excuse(tmp_path: Path, name: str) -> None:
    """A source is a text: what is declined has to be refused, and what is lacking has to be shown."""
    file = tmp_path / "overlay.toml"
    file.write_text(f"{name} = false")

    with pytest.raises(CaseFileError, match=f"case `{name}`: a source is a text, or a table"):
        load_sources(file, load_cases())


VERSIONS = (
    GOOD
    + """
[[case]]
id = "later"
since = "0.2"
description = "It came later."
heading = "values#integers"
source.lua = "return 2"
expect.result = 2
[[case]]
id = "ended"
until = "0.1"
description = "It was ended."
heading = "values#integers"
source.lua = "return 3"
expect.result = 3
"""
)


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("0.1", {"one", "ended"}),
        ("0.2", {"one", "later"}),
        ("0.10", {"one", "later"}),
        (None, {"one", "later", "ended"}),
    ],
)
def test_an_older_contract_can_be_loaded(
    tmp_path: Path, version: str | None, names: set[str]
) -> None:
    """A version of the contract has the cases that held in it, and no others."""
    file = tmp_path / "versions.toml"
    file.write_text(VERSIONS)

    assert set(load_cases([file], version=version)) == names


def test_the_contract_has_its_version() -> None:
    """Without a version the contract's own cases are those of the newest one."""
    assert load_cases() == load_cases(version=CONTRACT_VERSION)
