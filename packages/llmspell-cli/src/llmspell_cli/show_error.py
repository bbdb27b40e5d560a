"""Errors as people read them: where, what, the way there, and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_cli.terminal import BOLD, DIM, RED, paint
from llmspell_core.errors import InternalError

if TYPE_CHECKING:
    from llmspell_core.errors import Frame, LlmspellError

MAX_FRAMES = 20
REPORT = "this is a mistake of llmspell's or of a plugin's; run it again with --debug and report it"


def error_text(error: LlmspellError, *, colour: bool = False) -> str:
    """Show an error as ``hello.lua:3:5: message``, its traceback below it."""
    lines = [_headline(error, colour=colour)]
    lines += [paint(f"  {line}", DIM, wanted=colour) for line in _way(error.traceback)]
    if isinstance(error, InternalError):
        lines.append(REPORT)
    return "\n".join(lines)


def _headline(error: LlmspellError, *, colour: bool) -> str:
    place = error.location
    if place is None:
        return _plain(error, colour=colour)
    where = str(place if place.function is None else _without_function(place))
    short = f"{place.name}:{place.line}"
    # an engine may have put the place in front of the message already
    message = error.message
    for known in (f"{where}: ", f"{short}: "):
        message = message.removeprefix(known)
    return f"{paint(where + ':', BOLD, wanted=colour)} {paint(message, RED, wanted=colour)}"


def _plain(error: LlmspellError, *, colour: bool) -> str:
    """Show an error without a place in the script, unless its message begins with one."""
    file = error.details.get("file")
    if isinstance(file, str) and error.message.startswith(f"{file}:"):
        return paint(error.message, RED, wanted=colour)
    return f"{paint('error:', BOLD, wanted=colour)} {paint(error.message, RED, wanted=colour)}"


def _without_function(frame: Frame) -> str:
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
