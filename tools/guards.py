"""Remove each guard that a promise of SECURITY.md rests on, and see its test fail.

Usage: python tools/guards.py [--only TEXT] [--jobs N]

`guards/*.toml` lists them: the promise, the file and the exact text of the guard, what the text
becomes without it, and the test that notices. Each is taken out of a copy of the tree, where its
test must fail, by an assertion or an error of the product and not because the copy is broken: the
same test passes in the untouched copy first. Every test that SECURITY.md names must be in the list.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [*(f"packages/llmspell-{name}/src" for name in ("core", "engines", "bridges", "cli")), "testkit/src"]  # fmt: skip
COPIED = ("packages", "testkit", "pyproject.toml", "examples", "guards", "tools", "docs")
TIMEOUT_S = 240
"""How long the test of one guard may take without it; a guard that ends things may be missed so."""
ALL_TIMEOUT_S = 3600
"""How long all tests may take together, with every guard in place."""
PASSED, FAILED = 0, 1
"""Exit codes of pytest; others say that it could not run the test."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """One guard: where it stands, how it is taken out, and the test that must notice."""

    promise: str
    file: str
    find: str
    replace: str
    test: str
    listed: str
    """The file and number of its entry, for messages."""


class Copies:
    """Copies of the tree, one for each job; mutated and restored in turn."""

    def __init__(self, folder: Path, count: int) -> None:
        """Make `count` copies below `folder`."""
        self._free: SimpleQueue[Path] = SimpleQueue()
        for index in range(count):
            copy = folder / str(index)
            copy.mkdir()
            for name in COPIED:
                source = ROOT / name
                if source.is_dir():
                    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".hypothesis")
                    shutil.copytree(source, copy / name, ignore=ignored)
                else:
                    shutil.copy2(source, copy / name)
            self._free.put(copy)

    def run(self, tests: list[str], mutation: Guard | None = None) -> tuple[int, str]:
        """Run `tests` in a copy, with a guard taken out or with all in place."""
        copy = self._free.get()
        try:
            if mutation is None:
                return _pytest(copy, tests, ALL_TIMEOUT_S)
            file = copy / mutation.file
            before = file.read_text(encoding="utf-8")
            file.write_text(before.replace(mutation.find, mutation.replace), encoding="utf-8")
            try:
                return _pytest(copy, tests, TIMEOUT_S)
            finally:
                file.write_text(before, encoding="utf-8")
        finally:
            self._free.put(copy)


def _pytest(copy: Path, tests: list[str], timeout_s: float) -> tuple[int, str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(copy / source) for source in SOURCES),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command,
        cwd=copy,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def read_guards(folder: Path) -> list[Guard]:
    """Read every list; a field that is missing or unknown is a mistake of the list's."""
    guards = []
    for path in sorted(folder.glob("*.toml")):
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["guard"]
        guards += [
            Guard(**entry, listed=f"{path.name} #{number}")
            for number, entry in enumerate(entries, 1)
        ]
    return guards


def mistakes(guards: list[Guard]) -> list[str]:
    """Name entries whose text does not stand in the file exactly once, or changes nothing."""
    found = []
    for guard in guards:
        file = ROOT / guard.file
        count = file.read_text(encoding="utf-8").count(guard.find) if file.is_file() else 0
        if count != 1:
            found.append(f"{guard.listed}: `find` occurs {count} times in {guard.file}")
        if guard.find == guard.replace:
            found.append(f"{guard.listed}: `replace` changes nothing")
        if not (ROOT / guard.test.partition("::")[0]).is_file():
            found.append(f"{guard.listed}: there is no test {guard.test}")
    return found


def unguarded(guards: list[Guard]) -> list[str]:
    """Name the tests of SECURITY.md that no entry of the list holds to account."""
    named = re.findall(
        r"`([\w./-]+\.py::[^`]+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    )
    tests = {guard.test for guard in guards}
    return [
        f"SECURITY.md: no guard for {name}" for name in dict.fromkeys(named) if name not in tests
    ]


def check(guard: Guard, copies: Copies) -> str | None:
    """Take one guard out; say what is wrong when its test does not notice."""
    try:
        code, output = copies.run([guard.test], guard)
    except subprocess.TimeoutExpired:
        return None  # hanging is noticing: the guard was what ended it
    if code == FAILED:
        return None
    last = output.strip().splitlines()[-1:] or ["no output"]
    how = "still passes" if code == PASSED else f"did not run (exit code {code}): {last[0]}"
    return f"{guard.listed}: without its guard {guard.test} {how}\n    promise: {guard.promise}"


def unfit(guards: list[Guard], copies: Copies) -> list[str]:
    """Run all tests with every guard in place, those of one suite in one process as always."""
    suites: dict[str, set[str]] = {}
    for guard in guards:
        suites.setdefault(guard.test.partition("/tests/")[0], set()).add(guard.test)
    found = []
    for suite, tests in suites.items():
        code, output = copies.run(sorted(tests))
        if code != PASSED:
            print(output)
            found.append(f"the tests of {suite} fail with every guard in place")
    return found


def main() -> int:
    """Check every guard; return 0 when each is noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", metavar="TEXT", help="entries that hold this text")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    everything = read_guards(ROOT / "guards")
    guards = [it for it in everything if options.only in f"{it.listed} {it}"]
    wrong = [*mistakes(guards), *unguarded(everything)]
    if not guards:
        wrong.append(f"no entry holds {options.only!r}")
    passed = 0
    if not wrong:
        with tempfile.TemporaryDirectory() as folder:
            # others may enter: tests that give up privileges read the copy too
            Path(folder).chmod(0o755)
            copies = Copies(Path(folder), options.jobs)
            wrong = unfit(guards, copies)
            if not wrong:
                with ThreadPoolExecutor(options.jobs) as pool:
                    wrong = [it for it in pool.map(lambda g: check(g, copies), guards) if it]
                passed = len(guards) - len(wrong)
    for line in wrong:
        print(line)
    # pytest's own words: one closing line for whoever counts tests
    print(f"{passed} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
