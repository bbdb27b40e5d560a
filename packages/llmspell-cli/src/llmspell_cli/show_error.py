"""Errors as people read them: where, what, the way there, and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_cli.terminal import BOLD, DIM, RED, paint
from llmspell_core.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_core.errors import Frame, LlmspellError

MAX_FRAMES = 20
REPORT = "this is a mistake of llmspell's or of a plugin's; run it again with --debug and report it"


def error_text(error: LlmspellError, *, colour: bool, clean: Callable[[str], str]) -> str:
    """Show an error as ``hello.lua:3:5: message``, its traceback below it.

    What comes from the script passes through `clean` before it is coloured.
    """
    where, message = _headline(error)
    lines = [headline(clean(where), clean(message), colour=colour)]
    lines += [paint(f"  {clean(line)}", DIM, wanted=colour) for line in _way(error.traceback)]
    if isinstance(error, InternalError):
        lines.append(REPORT)
    return "\n".join(lines)


def headline(where: str, message: str, *, colour: bool) -> str:
    """Put a place, or the word ``error``, before a message."""
    return f"{paint(where + ':', BOLD, wanted=colour)} {paint(message, RED, wanted=colour)}"


def _headline(error: LlmspellError) -> tuple[str, str]:
    """Take an error apart into its place and its message, which may name the place already."""
    message = error.message
    place = error.location
    file = error.details.get("file")
    if place is not None:
        where = _position(place)
        for known in (where, f"{place.name}:{place.line}"):
            message = message.removeprefix(f"{known}: ")
        return where, message
    if isinstance(file, str) and message.startswith(f"{file}:"):
        where, _, rest = message.partition(": ")
        return where, rest
    return "error", message


def _position(frame: Frame) -> str:
    column = "" if frame.column is None else f":{frame.column}"
    return f"{frame.name}:{frame.line}{column}"


def _way(frames: tuple[Frame, ...]) -> list[str]:
    """List the calls that led there; one frame alone is the headline's own place."""
    if len(frames) < 2:  # noqa: PLR2004 - one is not a way
        return []
    lines = [f"at {frame}" for frame in frames[:MAX_FRAMES]]
    if len(frames) > MAX_FRAMES:
        lines.append(f"… {len(frames) - MAX_FRAMES} more")
    return lines
