"""One subject's run, in a process of its own: what an engine does to it, it does to nobody else.

Started as ``python -m llmspell_testkit.conformance.child FD``, it writes each event as a line of JSON
to the descriptor. An engine that ends the process ends the run of this subject alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from llmspell_testkit.conformance.recorder import Event, Recorder
from llmspell_testkit.conformance.subjects import chosen_here


def main(number: str) -> int:
    """Run the chosen contract under pytest, with no plugin and no configuration but our own."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ.pop("PYTEST_ADDOPTS", None)
    descriptor = int(number)
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - its signature
    with open(descriptor, "wb", buffering=0) as pipe, tempfile.TemporaryDirectory() as folder:

        def send(event: Event) -> None:
            pipe.write(msgspec.json.encode(event) + b"\n")

        options = Path(folder, "pytest.ini")
        options.write_text("[pytest]\n", encoding="utf-8")
        arguments = [
            str(Path(__file__).with_name("suite.py")),
            f"--config-file={options}",
            f"--rootdir={folder}",
            f"--basetemp={folder}/files",
            "--import-mode=importlib",
            "--noconftest",
            "--quiet",
            "-p",
            "no:cacheprovider",
        ]
        choice = chosen_here()
        if choice.performance:
            arguments.append("--contract-performance")
        plugins = ["llmspell_testkit.plugin", Recorder(choice, send)]
        return int(pytest.main(arguments, plugins=plugins))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
