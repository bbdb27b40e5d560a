"""What a server answers, as values of a script: text, data, images, resources."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.mcp.texts import DESCRIPTION_LENGTH, URI_LENGTH, block, line
from llmspell_core import TextRecord, ToolError, ValidationError

if TYPE_CHECKING:
    from mcp_types import CallToolResult, GetPromptResult, ReadResourceResult


def sendable(given: Any, where: str) -> Any:
    """Make JSON of what a script gives: bytes become base64.

    Raises:
        ValidationError: a text is none.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(given))
    except UnicodeEncodeError:
        text = f"bad arguments to `{where}`: a text in them is not Unicode"
        raise ValidationError(text) from None


def tool_answer(result: CallToolResult) -> Any:
    """Make the answer of a tool: text, with its `data` where there is some; else data, or parts."""
    parts = [part(item) for item in result.content]
    data = result.structured_content
    if all(isinstance(it, str) for it in parts):
        text = "\n".join(parts)
        if data is None:
            return text
        return TextRecord(text, {"data": data}) if text else data
    if len(parts) == 1 and data is None:
        return parts[0]
    return [*parts, *([] if data is None else [data])]


def error_text(result: CallToolResult) -> str:
    """Put the texts of a failure together."""
    texts = [item.text for item in result.content if item.type == "text"]
    return block("\n".join(texts), DESCRIPTION_LENGTH).strip() or "it does not say why"


def part(item: Any) -> Any:
    """Make one part of an answer: a text, or a table with its `type`."""
    if item.type == "text":
        return item.text
    if item.type in ("image", "audio"):
        kind, data = line(item.mime_type), _bytes(item.data)
        return {"type": item.type, "data": data, "mime_type": kind}
    if item.type == "resource":
        return {"type": "resource", **_resource(item.resource)}
    if item.type == "resource_link":
        return {"type": "resource_link", **described(item)}
    return {"type": line(item.type)}


def resource_answer(result: ReadResourceResult) -> Any:
    """Make a resource's content: a text with `uri` and `mime_type`, or a table with `data`; or a list."""
    found = [_record(content) for content in result.contents]
    return found[0] if len(found) == 1 else found


def prompt_answer(result: GetPromptResult) -> dict[str, Any]:
    """Make a prompt: its messages are as `llm.complete` takes them, where they are texts."""
    messages = [{"role": it.role, "content": part(it.content)} for it in result.messages]
    return {"description": block(result.description), "messages": messages}


def described(item: Any) -> dict[str, Any]:
    """Describe a resource of a list."""
    return _known(
        uri=line(item.uri, URI_LENGTH),
        name=line(item.name),
        title=line(item.title),
        description=block(item.description),
        mime_type=line(item.mime_type),
        size=item.size,
    )


def described_prompt(item: Any) -> dict[str, Any]:
    """Describe a prompt of a list."""
    arguments = [
        _known(name=line(it.name), description=block(it.description), required=bool(it.required))
        for it in item.arguments or ()
    ]
    about = _known(
        name=line(item.name), title=line(item.title), description=block(item.description)
    )
    return {**about, "arguments": arguments}


def _known(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None and value != ""}


def _record(content: Any) -> Any:
    fields = _resource(content)
    if "text" not in fields:
        return fields
    text = fields.pop("text")
    return TextRecord(text, fields)


def _resource(content: Any) -> dict[str, Any]:
    about = _known(uri=line(content.uri, URI_LENGTH), mime_type=line(content.mime_type))
    blob = getattr(content, "blob", None)
    return {**about, "text": content.text} if blob is None else {**about, "data": _bytes(blob)}


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise ToolError("the server sent bytes that are not in base64") from None
