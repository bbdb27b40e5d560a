"""One run of an example: a folder, an environment, a server, and the command in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llmspell_testkit.bridge_case import seen_messages
from llmspell_testkit.integration.scenario import placed
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmspell_testkit.example.expected import ExampleCase
    from llmspell_testkit.provider import FakeProvider

_HIDDEN = ("ANTHROPIC_", "LLMSPELL_", "NO_COLOR", "OPENAI_", "PYTHONWARNINGS")
"""Variables of whoever runs the tests that an example must not see, by how they begin."""
_SHARED = ("LLMSPELL_CACHE_DIR",)
"""Those that it may: where the models lie."""
CONFIGURATION = "llmspell.toml"
DEADLINE_S = 55.0
"""How long one run of the command may take."""


class ExampleRun:
    """The world of one run; what a contract's `prepare` changes is `args`, `env`, and files."""

    def __init__(
        self,
        folder: Path,
        spell: Path,
        case: ExampleCase,
        provider: FakeProvider,
        command: Sequence[str],
    ) -> None:
        """Take an empty folder, the spell, what it must do, the server, and the command."""
        self.folder = folder
        self.spell = spell
        self.case = case
        self.provider = provider
        self.command = list(command)
        self.args = placed(case.args, provider.url)
        kept = {k: v for k, v in os.environ.items() if k in _SHARED or not k.startswith(_HIDDEN)}
        programs = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
        self.env = {**kept, "PATH": programs, "LLMSPELL_CONFIG_DIR": str(folder / ".config")}
        self.env.update(placed(case.env, provider.url))

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder; ``.config/config.toml`` is the user's configuration."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def use_mock(self) -> None:
        """Make OpenAI and Anthropic the server that answers as the case says."""
        for name, url in (("OPENAI", self.provider.base_url), ("ANTHROPIC", self.provider.url)):
            self.env[f"{name}_BASE_URL"] = url
            self.env[f"{name}_API_KEY"] = "sk-not-a-key"

    def command_run(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[bytes]:
        """Run the command to its end, in the folder."""
        return subprocess.run(
            [*self.command, *args],
            cwd=self.folder,
            env=self.env,
            input=stdin.encode(),
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def problems(self) -> Iterator[str]:
        """Run the example; list everything that is not as its case says."""
        shutil.copy(self.spell, self.folder)
        configuration = self.spell.with_name(CONFIGURATION)
        if configuration.exists():
            shutil.copy(configuration, self.folder)
            trusted = self.command_run("trust")
            if trusted.returncode:
                yield f"{CONFIGURATION} cannot be trusted: {trusted.stderr.decode()}"
        done = self.command_run("run", self.spell.name, *self.args, stdin=self.case.stdin)
        out, err = done.stdout.decode(), done.stderr.decode()
        case = self.case
        if done.returncode != case.exit_code:
            yield f"exit code {case.exit_code} ≠ {done.returncode}; it said:\n{err}"
        if not re.fullmatch(case.stdout_matches, out):
            yield f"output /{case.stdout_matches}/ ≠\n{out}"
        if case.stderr is not None and err != case.stderr:
            yield f"errors {case.stderr!r} ≠ {err!r}"
        if case.stderr_matches is not None and not re.fullmatch(case.stderr_matches, err):
            yield f"errors /{case.stderr_matches}/ ≠\n{err}"
        for name, text in case.files.items():
            path = self.folder / name
            yield from differences(text, path.read_text() if path.exists() else None, name)
        if case.requests is not None:
            seen = [seen_messages(body) for body in self.provider.bodies]
            yield from differences(case.requests, seen, "requests")
