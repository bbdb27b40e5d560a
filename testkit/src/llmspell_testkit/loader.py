"""Reading case files: typed by msgspec, checked, every mistake named by file and case."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llmspell_core.engine import CAPABILITIES, TRAITS
from llmspell_core.errors import KINDS
from llmspell_core.limits import Limits
from llmspell_core.permissions import Permissions
from llmspell_testkit.case import CONTRACT_VERSION, Case, CaseFile
from llmspell_testkit.tagged import read_tagged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

T = TypeVar("T")
C = TypeVar("C", bound=Case)


class CaseFileError(ValueError):
    """A case file is wrong; the message names the file and the case."""


def packaged() -> tuple[Traversable, ...]:
    """List the contract's own case files, by name."""
    folder = resources.files("llmspell_testkit") / "cases"
    files = (file for file in folder.iterdir() if file.name.endswith(".toml"))
    return tuple(sorted(files, key=lambda file: file.name))


def load_cases(
    files: Iterable[Traversable | Path] | None = None, *, version: str | None = None
) -> dict[str, Case]:
    """Read case files (the contract's own, if none are given) and return the cases by id.

    With a `version`, such as ``0.1``, these are the cases as they were in that version of the
    contract: those that came later are not there, and those that a later one ended are. Without,
    they are the contract's newest, and all of the given files.

    Raises:
        CaseFileError: a file is not TOML, not a case file, or two cases share an id.
    """
    cases = _packaged_cases() if files is None else _load(files)
    chosen = version or (CONTRACT_VERSION if files is None else None)
    if chosen is None:
        return dict(cases)
    number = _number(chosen)
    return {name: case for name, case in cases.items() if _holds(case, number)}


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _holds(case: Case, version: tuple[int, ...]) -> bool:
    return _number(case.since) <= version and (case.until is None or version <= _number(case.until))


@cache
def _packaged_cases() -> dict[str, Case]:
    return _load(packaged())


def _load(files: Iterable[Traversable | Path]) -> dict[str, Case]:
    found: dict[str, Case] = {}
    for file in files:
        for case in _read(file):
            if case.id in found:
                raise _error(file.name, case.id, "another case has this id")
            found[case.id] = case
    for case in found.values():
        if case.then is not None and case.then not in found:
            raise _error(f"{case.topic}.toml", case.id, f"`then` names no case: {case.then}")
    return found


class OwnSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an overlay has for one case, where that is more than a text: what it includes, too."""

    source: str
    includes: dict[str, str] = {}


def load_sources(file: Traversable | Path, cases: Mapping[str, Case]) -> dict[str, str]:
    """Read an overlay: a TOML file with which a new language supplies its source for each case.

    Raises:
        CaseFileError: it is not a table of sources, or names a case that does not exist.
    """
    return {name: own.source for name, own in _overlay(file, cases)}


def with_sources(
    cases: Mapping[str, Case], file: Traversable | Path, engine: str
) -> dict[str, Case]:
    """Add what an overlay has for an engine's language to cases.

    Raises:
        CaseFileError: as `load_sources` does.
    """
    found = dict(cases)
    for name, own in _overlay(file, cases):
        case = found[name]
        source = {**case.source, engine: own.source}
        includes = {**case.includes, engine: own.includes} if own.includes else case.includes
        found[name] = msgspec.structs.replace(case, source=source, includes=includes)
    return found


def _overlay(
    file: Traversable | Path, cases: Mapping[str, Case]
) -> Iterator[tuple[str, OwnSource]]:
    """Read an overlay's entries: a text, or a table of a text and its includes."""
    for name, entry in _toml(file).items():
        if name not in cases:
            raise _error(file.name, name, "there is no such case")
        try:
            given = {"source": entry} if isinstance(entry, str) else entry
            yield name, msgspec.convert(given, OwnSource)
        except msgspec.ValidationError as error:
            what = f"a source is a text, or a table of `source` and `includes`: {error}"
            raise _error(file.name, name, what) from None


def _toml(file: Traversable | Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        text = f"{file.name}: {error}"
        raise CaseFileError(text) from None


def parse(file: Traversable | Path, kind: type[T]) -> T:
    """Read a TOML file as a record, such as `CaseFile`.

    Raises:
        CaseFileError: it is not TOML, or not such a record; the message names file and case.
    """
    data = _toml(file)
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _locate(file.name, data, str(error)) from None


def _read(file: Traversable | Path) -> list[Case]:
    parsed = parse(file, CaseFile)
    cases = [
        msgspec.structs.replace(case, topic=parsed.topic, since=case.since or parsed.since)
        for case in parsed.case
    ]
    return [check_case(file.name, case) for case in cases]


def _locate(file: str, data: dict[str, Any], message: str) -> CaseFileError:
    """Say which case msgspec's ``$.case[3].expect`` is about."""
    found = re.search(r" - at `\$\.case\[(\d+)\]\.?([^`]*)`", message)
    if found is None:
        return CaseFileError(f"{file}: {message}")
    item = data["case"][int(found[1])]
    name = item.get("id", f"number {int(found[1]) + 1}") if isinstance(item, dict) else found[1]
    where = f" at `{found[2]}`" if found[2] else ""
    return _error(file, str(name), message[: found.start()] + where)


def check_case(file: str, case: C) -> C:
    """Check what types alone cannot say, and turn tagged values into what they mean.

    Raises:
        CaseFileError: it names the file and the case.
    """
    expect, error = case.expect, case.expect.error
    if (expect.result is msgspec.UNSET) == (error is None) and case.action == "run":
        raise _error(file, case.id, "expect exactly one of `result` and `error`")
    wrong = _wrong_noun(case)
    if wrong is not None:
        raise _error(file, case.id, wrong)
    unknown = [] if error is None else [kind for kind in error.kinds if kind not in KINDS]
    if unknown:
        raise _error(file, case.id, f"no such kind of error: {', '.join(unknown)}")
    try:
        re.compile((error and error.pattern) or "")
        limits_of(case)
        permissions_of(case)
        return _untagged(case)
    except (TypeError, ValueError, re.error) as problem:
        raise _error(file, case.id, str(problem)) from None


def _wrong_noun(case: Case) -> str | None:
    """Say what is wrong with the nouns that a case names, the first such thing."""
    if case.declines is not None and case.lacks is not None:
        return "expect at most one of `declines` and `lacks`"
    unknown = sorted(set(case.needs) - {*CAPABILITIES, *TRAITS})
    if unknown:
        return f"no such capability or trait: {', '.join(unknown)}"
    if case.declines not in {None, *CAPABILITIES}:
        trait = " (it is a trait: say `lacks`)" if case.declines in TRAITS else ""
        return f"no such capability: {case.declines}{trait}"
    if case.lacks not in {None, *TRAITS}:
        capability = " (it is a capability: say `declines`)" if case.lacks in CAPABILITIES else ""
        return f"no such trait: {case.lacks}{capability}"
    return None


def _untagged(case: C) -> C:
    expect, error = case.expect, case.expect.error
    if error is not None:
        error = msgspec.structs.replace(error, details=read_tagged(error.details))
    expect = msgspec.structs.replace(
        expect,
        error=error,
        result=expect.result if error else read_tagged(expect.result),
        logs=[(level, read_tagged(text)) for level, text in expect.logs],
    )
    return msgspec.structs.replace(case, expect=expect, params=read_tagged(case.params))


def limits_of(case: Case) -> Limits:
    """Return the limits a case runs under: the defaults, but for those it names."""
    named: dict[str, Any] = dict(case.limits)
    return Limits(**named)


def permissions_of(case: Case) -> Permissions:
    """Return what a case is granted: nothing but what it names."""
    grants = {
        effect: grant if isinstance(grant, bool) else tuple(grant)
        for effect, grant in case.permissions.items()
    }
    return Permissions(**grants)


def _error(file: str, case: str, what: str) -> CaseFileError:
    return CaseFileError(f"{file}: case `{case}`: {what}")
