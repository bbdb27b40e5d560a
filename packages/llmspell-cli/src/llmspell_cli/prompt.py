"""The question on a terminal before something is refused; imported when there is one to ask."""

from __future__ import annotations

import asyncio
import os
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

from llmspell_cli.config.files import shown
from llmspell_cli.config.granting import grant_always, project_file, whole
from llmspell_cli.terminal import BOLD, RED, YELLOW, paint, shortened, visible
from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from llmspell_cli.output import Output
    from llmspell_core.asking import Question, Want

STDIN, STDERR = 0, 2
_INDENT = 12
_LEAST_COLUMNS = 40
_USUAL_COLUMNS = 80
_MOST_LINES = 40
"""Lines of a call's arguments that are shown."""
_ANSWERS = {"y": "once", "yes": "once"} | dict.fromkeys(("n", "no", ""), "no")
_FOR_GOOD = {"a": "always", "always": "always"}
_LABELS = {
    "read": ("read", "ANY FILE"),
    "write": ("write", "ANY FILE"),
    "net": ("reach", "ANY HOST OF THE INTERNET"),
    "env": ("env", "ANY ENVIRONMENT VARIABLE BUT CREDENTIALS"),
    "model": ("model", "ANY MODEL"),
    "tool": ("tool", "ANY TOOL"),
    "mcp": ("mcp", "ANY CONFIGURED MCP SERVER"),
}
"""For each effect how a line about it begins, and what it says when no name is given."""
_FILES = ("read", "write")


async def ask(question: Question, output: Output, start: str | None) -> bool:
    """Ask the user on the terminal, and say whether they grant it.

    `start` is the spell's file, whose project is granted what is granted for good; None is the
    current folder. What the spell prints meanwhile comes after the answer.
    """
    with output.held():
        answer = await _answered(question, output, start)
        if answer == "always":
            try:
                text = f"{shown(grant_always(question.wants, start))} grants it from now on, and is trusted"
            except ConfigurationError as error:
                text = f"granted for this run alone: {error}"
            output.ask(paint(visible(text), YELLOW, wanted=output.colour) + "\n")
    return answer != "no"


async def _answered(question: Question, output: Output, start: str | None) -> str:
    if not _in_foreground():
        return "no"
    _forget_typed()
    if question.call is not None:
        answers, known, choice = _ANSWERS, "y or n", "[y]es, this call / [n]o: "
    else:
        answers, known = _ANSWERS | _FOR_GOOD, "y, a or n"
        file = shortened(visible(shown(project_file(start))), 40)
        choice = f"[y]es once / [a]lways for this project ({file}) / [n]o: "
    output.ask(f"{text_of(question, colour=output.colour)}\n{choice}")
    try:
        while (line := await _line()) is not None:
            answer = answers.get(line.strip().lower())
            if answer is not None:
                return answer
            _forget_typed()
            output.ask(f"please answer {known}: ")
    except asyncio.CancelledError:
        _forget_typed()  # a half-typed answer is not for whoever reads the terminal next
        output.ask("\n")
        raise
    output.ask("\n")
    return "no"


def text_of(question: Question, *, colour: bool) -> str:
    """Write the question: a line for each thing, of which the spell chooses no more than the words.

    Whatever a name holds, it stays in its line, and its real end is seen.
    """
    room = max(_columns(), _LEAST_COLUMNS) - _INDENT
    spell = shortened(visible(question.spell), room)
    if question.call is not None:
        call = question.call
        lines = [paint(f"{spell} asks whether a tool may be called", BOLD, wanted=colour)]
        lines += [_field("tool", call.tool, room), *_wrapped("with", call.arguments, room)]
        lines += [_field("by", question.where or "", room), *_about(question, room)]
        return "\n".join(lines)
    what = "asks for what its header declares" if question.where is None else "asks for permission"
    lines = [paint(f"{spell} {what}", BOLD, wanted=colour)]
    lines += [_line_of(want, room) for want in question.wants]
    if any(want.name is not None and want.effect in _FILES for want in question.wants):
        lines.append(_field("covers", "of a folder, all that is in it", room))
    if question.because:
        lines.append(_field("because", question.because, room))
    if question.where is not None:
        lines.append(_field("by", question.where, room))
        lines.append(_declared(question.wants, room, colour=colour))
    return "\n".join([*lines, *_about(question, room)])


def _about(question: Question, room: int) -> list[str]:
    """Say which spell it is, and what it says of itself."""
    file = "given on the command line" if question.file is None else whole("read", question.file)
    lines = [_field("spell", file, room)]
    if question.description:
        lines.append(_field("says it", question.description, room))
    return lines


def _wrapped(name: str, value: str, room: int) -> list[str]:
    """Write a value in as many lines as it needs, within bounds."""
    text = visible(value)
    step = room if text.isascii() else room // 2
    ends = range(0, min(len(text), _MOST_LINES * step), step)
    pieces = [text[at : at + step] for at in ends]
    lines = [_field("" if at else name, piece, room) for at, piece in enumerate(pieces)]
    left = len(text) - sum(map(len, pieces))
    return [*lines, _field("", f"and {left:,} more characters", room)] if left else lines


def _line_of(want: Want, room: int) -> str:
    label, everything = _LABELS[want.effect]
    is_all = want.name is None or (want.name == "*" and want.effect not in _FILES)
    name = everything if is_all or want.name is None else whole(want.effect, want.name)
    return _field(label, name, room)


def _declared(wants: tuple[Want, ...], room: int, *, colour: bool) -> str:
    if all(want.declared for want in wants):
        return _field("header", "declares it", room)
    text = _field("header", "NOT DECLARED: the spell's header says nothing of this", room)
    return paint(text, RED, wanted=colour)


def _field(name: str, value: str, room: int) -> str:
    return f"  {name:<{_INDENT - 2}}{shortened(visible(value), room)}"


def _columns() -> int:
    try:
        return os.get_terminal_size(STDERR).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS


def _in_foreground() -> bool:
    """Say whether the terminal is ours to read: a command in the background would be stopped."""
    try:
        return os.tcgetpgrp(STDIN) == os.getpgrp()
    except OSError:
        return False


def _forget_typed() -> None:
    """Drop what was typed before the question: it answers something else."""
    with suppress(termios.error):
        termios.tcflush(STDIN, termios.TCIFLUSH)


async def _line() -> str | None:
    """Wait for a line to be typed; None at the end of the input. The event loop goes on."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str | None] = loop.create_future()
    typed = bytearray()

    def read() -> None:
        try:
            data = os.read(STDIN, 1024)
        except OSError:  # the terminal is gone
            data = b""
        typed.extend(data)
        line, end, _ = bytes(typed).replace(b"\r", b"\n").partition(b"\n")
        if not ended.done() and (end or not data):
            ended.set_result(line.decode(errors="replace") if end else None)

    loop.add_reader(STDIN, read)
    try:
        return await ended
    finally:
        loop.remove_reader(STDIN)
