"""Starlark's reports: the message, and where in the spell it was."""

from __future__ import annotations

import re

from llmspell_core import Frame


def read(report: str, name: str) -> tuple[str, list[Frame]]:
    """Take a report apart: its message, and the spell's own lines, innermost first."""
    place = re.escape(name) + r":(\d+)"
    lines = re.findall(rf"^  \* {place}, in ", report, re.MULTILINE)
    message, _, end = report.rpartition("\n --> ")
    found = re.match(place, end)
    if found and lines[-1:] != [found[1]]:
        lines.append(found[1])
    message = re.split("^error: ", message or report, maxsplit=1, flags=re.MULTILINE)[-1]
    frames = [Frame(name, int(line)) for line in reversed(lines)]
    return message.removeprefix("fail: ")[:10_000], frames
