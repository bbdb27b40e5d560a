"""What each case means, held by a digest: ``python -m llmspell_testkit.lock`` writes them anew.

``cases.lock`` beside the cases has a line for each: id, the version it is since, the digest of what
is run and expected (its words, its heading and its `needs` may change). Lines of the open version
are rewritten. A case of an earlier version keeps its meaning: end it with `until` and add another
one; where it was wrong from the start, ``--because`` writes the reason at the end of its line.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_testkit.case import CONTRACT_VERSION
from llmspell_testkit.loader import load_cases, packaged
from llmspell_testkit.tagged import Matches, OfType, write_tagged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmspell_testkit.case import Case

FILE = "cases.lock"
_MEANING = (
    "action",
    "declines",
    "lacks",
    "source",
    "includes",
    "params",
    "env",
    "permissions",
    "limits",
    "seed",
    "clock_ms",
    "expect",
    "then",
)


class Locked(msgspec.Struct, frozen=True):
    """One line of the lock."""

    since: str
    digest: str
    because: str = ""


class LockError(ValueError):
    """A case of a version that is closed has another meaning than it had."""


def digest_of(case: Case) -> str:
    """Digest what a case runs and expects: 16 hexadecimal digits."""
    meaning = {name: _plain(getattr(case, name)) for name in _MEANING}
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """Write a part of a case as JSON can hold it, every type told apart."""
    if isinstance(value, Matches):
        return {"$match": value.pattern}
    if isinstance(value, OfType):
        return {"$type": value.name}
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if value is msgspec.UNSET:
        return {"$unset": True}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return write_tagged(value)


def read(text: str) -> dict[str, Locked]:
    """Read a lock's lines."""
    found: dict[str, Locked] = {}
    for line in text.splitlines():
        words, _, because = line.partition(" # ")
        if words and not words.startswith("#"):
            name, since, digest = words.split()
            found[name] = Locked(since, digest, because)
    return found


def write(lines: Mapping[str, Locked]) -> str:
    """Write a lock, sorted by id."""
    rows = [
        " ".join([name, it.since, it.digest, *(["#", it.because] if it.because else [])])
        for name, it in sorted(lines.items())
    ]
    return "\n".join(["# written by python -m llmspell_testkit.lock", *rows]) + "\n"


def updated(
    cases: Mapping[str, Case],
    before: Mapping[str, Locked],
    *,
    because: str = "",
    version: str = CONTRACT_VERSION,
) -> dict[str, Locked]:
    """Return the lock that fits `cases`, given the one there was.

    Raises:
        LockError: a case of an earlier version changed, or is gone, and no reason is given.
    """
    changed = list(_changed(cases, before, version))
    if changed and not because:
        text = (
            f"cases of a version that is closed changed: {', '.join(changed)}; end them with "
            "`until` and add others, or say with --because why they were wrong from the start"
        )
        raise LockError(text)
    lines: dict[str, Locked] = {}
    for name, case in cases.items():
        old = before.get(name)
        why = because if name in changed else (old.because if old else "")
        lines[name] = Locked(case.since, digest_of(case), why)
    return lines


def _changed(
    cases: Mapping[str, Case], before: Mapping[str, Locked], version: str
) -> Iterator[str]:
    """Name the cases of closed versions that are not what they were."""
    for name, old in before.items():
        closed = _number(old.since) < _number(version)
        case = cases.get(name)
        if closed and (case is None or (case.since, digest_of(case)) != (old.since, old.digest)):
            yield name


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def locked_text() -> str:
    """Read the lock that lies beside the packaged cases."""
    return (resources.files("llmspell_testkit") / "cases" / FILE).read_text(encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the lock of the packaged cases anew; 1 if what is closed changed."""
    parser = argparse.ArgumentParser(prog="python -m llmspell_testkit.lock")
    parser.add_argument("--because", default="", help="why a case of a closed version changes")
    chosen = parser.parse_args(arguments)
    file = Path(str(resources.files("llmspell_testkit") / "cases" / FILE))
    before = read(file.read_text(encoding="utf-8")) if file.exists() else {}
    try:
        lines = updated(load_cases(packaged()), before, because=chosen.because)
    except LockError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    file.write_text(write(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
