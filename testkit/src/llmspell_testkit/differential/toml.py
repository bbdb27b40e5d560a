"""A program as a case: what can be pasted into a case file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import LlmspellError
from llmspell_testkit.tagged import write_tagged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_testkit.differential.program import Program
    from llmspell_testkit.host import Outcome


def case_text(
    program: Program, sources: Mapping[str, str], outcome: Outcome, name: str = "found"
) -> str:
    """Write a case: the scripts, the parameters, and the outcome that is right."""
    lines = [
        "[[case]]",
        f'id = "{name}"',
        'description = "Engines differed here."  # say what the rule is',
        'heading = "values#values"  # say where the contract has it',
        *(f"source.{engine} = '''\n{source}'''" for engine, source in sources.items()),
    ]
    if program.params:
        lines.append(f"params = {inline(write_tagged(program.params))}")
    if isinstance(outcome.error, LlmspellError):
        error = {"kind": outcome.error.kind, "message": outcome.error.message}
        lines.append(f"expect.error = {inline(error)}")
    else:
        lines.append(f"expect.result = {inline(write_tagged(outcome.value))}")
    if outcome.logs:
        lines.append(f"expect.logs = {inline([list(line) for line in outcome.logs])}")
    if not program.concurrent:
        lines.append(f"expect.calls = {inline(outcome.calls)}")
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    """Write a value on one line of TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{_text(key)} = {inline(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    return repr(value)


def _text(value: str) -> str:
    """Write a text: JSON's escapes are TOML's, but for characters beyond 16 bits, and DEL."""
    return "".join(
        f"\\U{ord(c):08x}" if c > "\uffff" or c == "\x7f" else json.dumps(c)[1:-1] for c in value
    ).join('""')
