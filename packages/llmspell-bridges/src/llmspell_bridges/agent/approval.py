"""Whether a call of a tool may be made: asked of a function of the script, or of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core import ScriptRuntimeError, UnsupportedError
from llmspell_core.asking import ToolCall

if TYPE_CHECKING:
    from llmspell_bridges.agent.config import AgentConfig
    from llmspell_core import Session

REFUSED = "the call was not approved"


def check_approval(config: AgentConfig, session: Session) -> None:
    """Refuse to ask where nobody is.

    Raises:
        UnsupportedError: the run has nobody to ask.
    """
    if config.approve == "ask" and session.asking is None:
        text = (
            f'{config.called} has `approve = "ask"`, and there is nobody to ask here: '
            "run the spell at a terminal, or give it a function"
        )
        raise UnsupportedError(text, capability="ask")


async def refusal(
    config: AgentConfig, session: Session, tool: str, call_id: str, arguments: dict[str, Any]
) -> str | None:
    """Ask whether the call may be made; return why not.

    Raises:
        ScriptRuntimeError: the script's function gave no answer.
    """
    approve = config.approve
    if approve is None:
        return None
    if approve == "ask":
        check_approval(config, session)
        asking: Any = session.asking
        text = msgspec.json.encode(arguments).decode()
        approved = await asking.approve(ToolCall(tool=tool, arguments=text), config.called)
        return None if approved else REFUSED
    call = {"name": tool, "arguments": arguments, "id": call_id, "agent": config.name}
    answer = await approve({key: value for key, value in call.items() if value is not None})
    if isinstance(answer, bool):
        return None if answer else REFUSED
    if isinstance(answer, str):
        return str(answer) or REFUSED
    text = f"the function `approve` of {config.called} gives true, false, or why not; it gave {answer!r:.40}"
    raise ScriptRuntimeError(text)
