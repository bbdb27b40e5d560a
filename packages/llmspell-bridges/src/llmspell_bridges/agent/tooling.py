"""The run's tools as pydantic-ai's: called through `ToolBox`, their failures told to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai import ModelRetry, RunContext
from pydantic_ai import Tool as ModelTool
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import BinaryContent

from llmspell_core import PermissionDeniedError, ToolError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmspell_bridges.tools import Tool
    from llmspell_core import Value

    Call = Callable[[Tool, str, dict[str, Any]], Awaitable[Value]]


def as_model_tool(tool: Tool) -> ModelTool[Any]:
    """Make pydantic-ai's tool of ours; the run of the agent is its `deps`."""

    async def call(ctx: RunContext[Any], /, **arguments: Any) -> Any:
        try:
            answer = await ctx.deps.call_tool(tool, ctx.tool_call_id or "", arguments)
        except ValidationError as error:
            raise ModelRetry(error.message) from error
        except (PermissionDeniedError, ToolError) as error:
            raise ToolFailed(error.message) from error
        return for_model(answer)

    return ModelTool.from_schema(
        call, tool.name, tool.description or None, tool.parameters, takes_ctx=True
    )


def for_model(answer: Value) -> Any:
    """Turn what a tool answered into what a model can read: text, data, or an image."""
    if isinstance(answer, list) and any(map(_is_image, answer)):
        return [_plain(item) if not _is_image(item) else _image(item) for item in answer]
    return _image(answer) if _is_image(answer) else _plain(answer)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)  # of a text record, the text
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return f"({len(value):,} bytes that are no text)"
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _is_image(value: Any) -> bool:
    if not isinstance(value, dict) or value.get("type") != "image":
        return False
    return isinstance(value.get("data"), bytes | str) and isinstance(value.get("mime_type"), str)


def _image(value: Any) -> BinaryContent:
    data = value["data"]
    data = data.encode(errors="surrogateescape") if isinstance(data, str) else data
    return BinaryContent(data, media_type=value["mime_type"])
