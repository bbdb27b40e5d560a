"""Whether a run was granted a tool, and in one error what else the call would need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools.arguments import checked
from llmspell_core import LlmspellError, PermissionDeniedError
from llmspell_core.permissions import denied

if TYPE_CHECKING:
    from llmspell_bridges.tools.tool import Tool
    from llmspell_core import CallContext


async def permit(
    tool: Tool, needed: tuple[str, str], arguments: dict[str, Any], ctx: CallContext
) -> None:
    """Pass if the run is granted what the tool needs by its name, or somebody grants it now.

    Raises:
        PermissionDeniedError: it is not; it names this and what else these arguments need.
    """

    async def check() -> None:
        if not ctx.session.permissions.allows(*needed):
            refused = denied(*needed)
            more = await _more(tool, arguments, ctx)
            raise refused if more is None else _both(refused, more)

    await ctx.session.permitted(check, ctx.where)


def _both(first: PermissionDeniedError, second: PermissionDeniedError) -> PermissionDeniedError:
    flags = f"{first.flag} {second.flag}"
    text = f"{_what(first)}, and {_what(second)}; allow both with {flags}"
    both = PermissionDeniedError(text, flag=flags)
    both.wants, both.because = (*first.wants, *second.wants), second.because
    return both


async def _more(
    tool: Tool, arguments: dict[str, Any], ctx: CallContext
) -> PermissionDeniedError | None:
    try:
        return await tool.refusal(await checked(tool, arguments), ctx)
    except LlmspellError:  # told once the tool is granted
        return None


def _what(refused: PermissionDeniedError) -> str:
    """Leave out how to allow it."""
    return refused.message.partition("; allow")[0]
