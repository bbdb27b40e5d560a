"""Install each distribution alone, from wheels, in an environment of its own, and use it.

Usage: python tools/alone.py FOLDER-OF-WHEELS [NAME…]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / "tests" / "alone"
ENGINES = ("lupa", "py_mini_racer")
LIBRARIES = ("litellm", "xllamacpp", "aiohttp")


class Case(NamedTuple):
    """What is installed, which modules that must not bring, and the commands that use it."""

    requirement: str
    absent: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]


def _program(name: str, *arguments: str) -> tuple[str, ...]:
    return ("python", str(PROGRAMS / name), *arguments)


CASES = (
    Case("llmspell-core", (*ENGINES, *LIBRARIES, "watchfiles", "click"), (_program("core.py"),)),
    Case("llmspell-engines", (*ENGINES, *LIBRARIES, "click"), (_program("engines.py"),)),
    Case(
        "llmspell-engines[lua]",
        ("py_mini_racer", *LIBRARIES, "click"),
        (_program("engines.py", "lua"),),
    ),
    Case(
        "llmspell-engines[javascript]",
        ("lupa", *LIBRARIES, "click"),
        (_program("engines.py", "javascript"),),
    ),
    Case("llmspell-bridges", (*ENGINES, *LIBRARIES, "click"), (_program("bridges.py"),)),
    Case("llmspell-testkit", (*ENGINES, *LIBRARIES, "click"), (_program("testkit.py"),)),
    Case(
        "llmspell-cli",
        ("llmspell_testkit", "keyring"),
        (
            ("llmspell", "--version"),
            ("llmspell", "exec", "--language", "lua", "return 6 * 7"),
            ("llmspell", "exec", "--language", "javascript", "return 6 * 7"),
            ("llmspell", "validate", str(ROOT / "examples/hello/hello.lua")),
            ("llmspell", "validate", str(ROOT / "examples/hello/hello.js")),
        ),
    ),
)


def run(binaries: Path, *command: str) -> None:
    """Run a command of the environment, outside the tree.

    Raises:
        subprocess.CalledProcessError: When it fails.
    """
    folder = binaries.parent
    subprocess.run([binaries / command[0], *command[1:]], cwd=folder, check=True)


def ours(name: str, wheels: Path) -> set[str]:
    """Name the distribution and those of ours that its wheel says it needs, extras apart."""
    (wheel,) = wheels.glob(f"{name.replace('-', '_')}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (record,) = (entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
        metadata = archive.read(record).decode()
    needed = set(
        re.findall(r"^Requires-Dist: (llmspell-\w+)(?!.*extra ==)", metadata, re.MULTILINE)
    )
    return {name}.union(*(ours(each, wheels) for each in needed))


def prove(case: Case, wheels: Path) -> None:
    """Install what a case says in a new environment, and use it.

    Raises:
        subprocess.CalledProcessError: When a step fails.
    """
    print(f"{case.requirement}, Python {sys.version.split()[0]}", flush=True)
    with tempfile.TemporaryDirectory(prefix="alone-") as folder:
        venv.create(folder, with_pip=True, symlinks=True)
        binaries = Path(folder, "bin")
        pip = ("python", "-m", "pip", "--quiet", "--disable-pip-version-check")
        # Ours first, from these wheels: no index is asked for them. Then what they say they need.
        local = ("--no-deps", "--no-index", "--find-links", str(wheels))
        run(binaries, *pip, "install", *local, *ours(case.requirement.partition("[")[0], wheels))
        run(binaries, *pip, "install", case.requirement)
        run(binaries, *pip, "check")
        run(binaries, "python", str(ROOT / "tools" / "absent.py"), *case.absent)
        for command in case.commands:
            run(binaries, *command)


def main(wheels: str, *names: str) -> int:
    """Return 0 when every case passes, else say which did not and return 1."""
    failed = []
    cases = [case for case in CASES if not names or case.requirement in names]
    for case in cases:
        try:
            prove(case, Path(wheels).resolve())
        except subprocess.CalledProcessError as error:
            print(f"{case.requirement}: {error}", file=sys.stderr, flush=True)
            failed.append(case.requirement)
    print(f"installed alone: {len(cases) - len(failed)} of {len(cases)}")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
