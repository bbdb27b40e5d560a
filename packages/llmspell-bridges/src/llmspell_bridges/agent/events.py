"""What happens in a run, as the chunks that a script's stream gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import (
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
)

from llmspell_core import TextRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from pydantic_ai.messages import AgentStreamEvent, ToolReturnPart

    Emit = Callable[[TextRecord], Awaitable[None]]

_FAILED = ("failed", "denied", "interrupted", "retried")


def forward(emit: Emit) -> Callable[[Any, AsyncIterable[AgentStreamEvent]], Awaitable[None]]:
    """Make the handler that pydantic-ai gives its events to."""

    async def handle(_: Any, events: AsyncIterable[AgentStreamEvent]) -> None:
        async for event in events:
            chunk = _chunk(event)
            if chunk is not None:
                await emit(chunk)

    return handle


def _chunk(event: AgentStreamEvent) -> TextRecord | None:
    match event:
        case (
            PartStartEvent(part=TextPart(content=text))
            | PartDeltaEvent(delta=TextPartDelta(content_delta=text))
        ) if text:
            return TextRecord(text, {"type": "text"})
        case (
            PartStartEvent(part=ThinkingPart(content=text))
            | PartDeltaEvent(delta=ThinkingPartDelta(content_delta=text))
        ) if text:
            return TextRecord("", {"type": "reasoning", "reasoning": text})
        case FunctionToolCallEvent(part=call):
            return TextRecord(
                "",
                {
                    "type": "tool_call",
                    "id": call.tool_call_id,
                    "name": call.tool_name,
                    "arguments": call.args_as_dict(),
                },
            )
        case FunctionToolResultEvent(part=answer):
            text = answer.model_response_str(wrap_if_error=False)
            fields = {"type": "tool_result", "id": answer.tool_call_id, "name": answer.tool_name}
            failed = {"error": text} if answer.outcome in _FAILED else {}
            return TextRecord(text, {**fields, **failed})
    return None


def outcome_of(answer: ToolReturnPart) -> dict[str, Any]:
    """Say what came of a tool's call: its result, or its error."""
    text = answer.model_response_str(wrap_if_error=False)
    if answer.outcome in _FAILED:
        return {"error": text}
    if answer.content is None:
        return {}
    plain = isinstance(answer.content, str | int | float | bool | list | dict)
    return {"result": answer.content if plain and not answer.files else text}
