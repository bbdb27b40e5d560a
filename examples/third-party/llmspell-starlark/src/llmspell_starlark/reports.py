"""Starlark's reports as errors of the contract, with the spell's own lines."""

from __future__ import annotations

import re

import starlark

from llmspell_core import Frame, LlmspellError, ScriptRuntimeError, ScriptSyntaxError
from llmspell_starlark.values import declined


def parse(script: str, name: str) -> starlark.AstModule:
    """Parse a spell; a byte order mark is no part of it."""
    try:
        tree = starlark.parse(name, script.removeprefix("\ufeff"), starlark.Dialect.extended())
    except starlark.StarlarkError as report:
        error = failure(str(report), name)
        raise ScriptSyntaxError(error.message, traceback=error.traceback) from None
    if tree.loads():
        raise declined("includes", "load()")
    return tree


def failure(report: str, name: str) -> LlmspellError:
    """Make an error of Starlark's report: its message, and the spell's lines, innermost first."""
    place = re.escape(name) + r":(\d+)"
    lines = re.findall(rf"^  \* {place}, in ", report, re.MULTILINE)
    message, _, end = report.rpartition("\n --> ")
    found = re.match(place, end)
    if found and lines[-1:] != [found[1]]:
        lines.append(found[1])
    message = re.split("^error: ", message or report, maxsplit=1, flags=re.MULTILINE)[-1]
    if message.startswith("Variable `math` not found"):
        return declined("stdlib", "math")
    frames = [Frame(name, int(line)) for line in reversed(lines)]
    return ScriptRuntimeError(message.removeprefix("fail: ")[:10_000], traceback=frames)
