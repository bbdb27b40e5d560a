"""Reading a folder of hostile cases: typed, checked, every mistake named by file and case."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import KINDS
from llmspell_core.limits import Limits
from llmspell_testkit.hostile.case import (
    DEFAULT_LIMITS,
    Corpus,
    GoodSpell,
    HostileCase,
    HostileFile,
)
from llmspell_testkit.loader import CaseFileError, parse
from llmspell_testkit.tagged import read_tagged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

GOOD = "good.toml"


def packaged(language: str) -> Traversable:
    """Return the folder of the corpus that is shipped for a language, whether it is there or not."""
    return resources.files("llmspell_testkit") / "hostile" / language


def load_corpus(folder: Traversable | Path) -> Corpus:
    """Read every ``*.toml`` of `folder`: the cases, and the good spell in ``good.toml``.

    Raises:
        CaseFileError: the folder is none, a file is wrong, or two cases share an id.
    """
    files = sorted(_files(folder), key=lambda file: file.name)
    good = [file for file in files if file.name == GOOD]
    if not good:
        text = f"{folder}: a corpus needs a {GOOD} with a spell that must run after each attempt"
        raise CaseFileError(text)
    found: dict[str, HostileCase] = {}
    for file in files:
        for case in _read(file) if file.name != GOOD else ():
            if case.id in found:
                raise _error(file.name, case.id, "another case has this id")
            found[case.id] = case
    spell = parse(good[0], GoodSpell)
    result = read_tagged(spell.result)
    return Corpus(cases=found, good=msgspec.structs.replace(spell, result=result))


def limits_of(case: HostileCase) -> Limits:
    """Return the limits a case runs under: the corpus's defaults, but for those it names."""
    named: dict[str, Any] = {**DEFAULT_LIMITS, **case.limits}
    return Limits(**named)


def _files(folder: Traversable | Path) -> Iterator[Traversable]:
    if not folder.is_dir():
        text = f"{folder}: there is no such folder of hostile cases"
        raise CaseFileError(text)
    yield from (file for file in folder.iterdir() if file.name.endswith(".toml"))


def _read(file: Traversable) -> Iterator[HostileCase]:
    parsed = parse(file, HostileFile)
    for case in parsed.case:
        named = msgspec.structs.replace(case, topic=parsed.topic, since=case.since or parsed.since)
        yield _check(file.name, named)


def _check(file: str, case: HostileCase) -> HostileCase:
    """Check what types alone cannot say, and turn a tagged result into what it means."""
    for outcome in case.expect:
        kind, _, limit = outcome.partition(":")
        if kind != "ok" and kind not in KINDS:
            raise _error(file, case.id, f"no such outcome: {outcome}")
        if (kind == "limit") != bool(limit):
            raise _error(file, case.id, f"a limit has a name, as in `limit:timeout`: {outcome}")
    if case.result is not msgspec.UNSET and "ok" not in case.expect:
        raise _error(file, case.id, "a `result` without the outcome `ok`")
    try:
        limits_of(case)
        result = case.result if case.result is msgspec.UNSET else read_tagged(case.result)
    except (TypeError, ValueError) as problem:
        raise _error(file, case.id, str(problem)) from None
    return msgspec.structs.replace(case, result=result)


def _error(file: str, case: str, what: str) -> CaseFileError:
    return CaseFileError(f"{file}: case `{case}`: {what}")
