"""Conversations in pydantic-ai's messages, in a provider's, and in a script's.

A script's form is the one that `llm.complete` takes, and plain JSON: it can be saved and loaded.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import (
    BinaryContent,
    ImageUrl,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from llmspell_bridges.agent.thinking import blocks_of, thinking_parts
from llmspell_core import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_ai.messages import ModelMessage, UserContent

    from llmspell_bridges.llm.types import Message

_FORMATS = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav", "x-m4a": "m4a", "mp4": "m4a"}


def to_provider(messages: Sequence[ModelMessage], instructions: str) -> list[dict[str, Any]]:
    """Write a conversation as litellm takes it; what it begins with as system becomes one message."""
    built = [message for each in messages for message in _provider_messages(each)]
    leading = 0
    while leading < len(built) and built[leading]["role"] == "system":
        leading += 1
    system = [message["content"] for message in built[:leading]]
    text = "\n\n".join(part for part in (*system, instructions) if part)
    return [{"role": "system", "content": text}, *built[leading:]] if text else built[leading:]


def to_script(messages: Sequence[ModelMessage]) -> list[dict[str, Any]]:
    """Write a conversation as a script sees it, without the system prompt: that is the agent's."""
    return [message for each in messages for message in _script_messages(each)]


def from_script(messages: Sequence[Message], contents: Sequence[Any]) -> list[ModelMessage]:
    """Read a conversation of a script's; `contents` are the checked contents, in provider's form."""
    names: dict[str, str] = {}
    found: list[ModelMessage] = []
    for message, content in zip(messages, contents, strict=True):
        if message.role == "assistant":
            found.append(_response(message, content, names))
            continue
        part: SystemPromptPart | UserPromptPart | ToolReturnPart
        if message.role in {"system", "developer"}:
            part = SystemPromptPart(_text(content))
        elif message.role == "tool":
            number = message.tool_call_id or ""
            name = names.get(number) or message.name or "tool"
            part = ToolReturnPart(name, _returned(content), tool_call_id=number)
        else:
            part = UserPromptPart(user_content(content))
        if found and isinstance(found[-1], ModelRequest):
            found[-1].parts = [*found[-1].parts, part]
        else:
            found.append(ModelRequest(parts=[part]))
    return found


def user_content(content: str | list[dict[str, Any]]) -> str | list[UserContent]:
    """Turn a message's content in the provider's form into pydantic-ai's."""
    return content if isinstance(content, str) else [_item(part) for part in content]


def _provider_messages(message: ModelMessage) -> Iterator[dict[str, Any]]:
    if isinstance(message, ModelResponse):
        answer = _assistant(message, lambda call: call.args_as_json_str())
        blocks = blocks_of(message.parts)
        if blocks:
            answer["thinking_blocks"] = blocks
        calls = answer.get("tool_calls", ())
        answer["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in calls
        ]
        if not calls:
            del answer["tool_calls"]
        if calls or answer["content"]:
            yield {"content": None, **answer}
        return
    files: list[UserContent] = []
    for part in message.parts:
        if isinstance(part, ToolReturnPart):
            text, more = part.model_response_str_and_user_content()
            files += more
            yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": text}
        elif isinstance(part, SystemPromptPart):
            yield {"role": "system", "content": part.content}
        elif isinstance(part, UserPromptPart):
            yield {"role": "user", "content": _content(part.content, _provider_part)}
        else:
            raise InternalError(f"an agent's conversation holds a {type(part).__name__}")
    if files:
        yield {"role": "user", "content": _content(files, _provider_part)}


def _script_messages(message: ModelMessage) -> Iterator[dict[str, Any]]:
    if isinstance(message, ModelResponse):
        answer = _assistant(message, lambda call: call.args_as_dict(raise_if_invalid=False))
        blocks = blocks_of(message.parts)
        yield {**answer, "metadata": {"thinking": blocks}} if blocks else answer
        return
    for part in message.parts:
        if isinstance(part, ToolReturnPart):
            text, files = part.model_response_str_and_user_content()
            kept = [file for file in files if not isinstance(file, str)]
            content = [{"type": "text", "text": text}, *map(_script_part, kept)] if kept else text
            yield {
                "role": "tool",
                "tool_call_id": part.tool_call_id,
                "name": part.tool_name,
                "content": content,
            }
        elif isinstance(part, UserPromptPart):
            yield {"role": "user", "content": _content(part.content, _script_part)}
        elif isinstance(part, SystemPromptPart):
            yield {"role": "system", "content": part.content}
        elif isinstance(part, RetryFeedbackPart):
            yield {"role": "user", "content": part.model_response()}


def _assistant(message: ModelResponse, arguments: Any) -> dict[str, Any]:
    texts = [part.content for part in message.parts if isinstance(part, TextPart)]
    calls = [part for part in message.parts if isinstance(part, ToolCallPart)]
    text = "\n\n".join(filter(None, texts))
    answer: dict[str, Any] = {"role": "assistant"}
    if text or not calls:
        answer["content"] = text
    if calls:
        answer["tool_calls"] = [
            {"id": call.tool_call_id, "name": call.tool_name, "arguments": arguments(call)}
            for call in calls
        ]
    return answer


def _response(message: Message, content: Any, names: dict[str, str]) -> ModelResponse:
    """Read an assistant's message, and note which tool each of its calls names."""
    text = _text(content)
    parts: list[Any] = list(thinking_parts((message.metadata or {}).get("thinking")))
    parts += [TextPart(text)] if text else []
    for call in message.tool_calls or ():
        function = call.function
        name = (call.name if function is None else function.name) or ""
        given: Any = call.arguments if function is None else function.arguments
        names[call.id] = name
        parts.append(ToolCallPart(name, given or call.arguments_text or {}, tool_call_id=call.id))
    return ModelResponse(parts=parts)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n\n".join(part["text"] for part in content if part["type"] == "text")
    return "" if content is None else str(content)


def _returned(content: Any) -> Any:
    return [_item(part) for part in content] if isinstance(content, list) else _text(content)


def _item(part: dict[str, Any]) -> UserContent:
    """Read a part in the provider's form, as `llmspell_bridges.llm.parts` makes it."""
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] == "input_audio":
        sound = part["input_audio"]
        return BinaryContent(b64decode(sound["data"]), media_type=f"audio/{sound['format']}")
    if part["type"] == "file":
        file = part["file"]
        data = b64decode(file["file_data"].partition(",")[2])
        named = {"filename": file["filename"]}
        return BinaryContent(data, media_type=file["format"], vendor_metadata=named)
    image = part["image_url"]
    detail = {"detail": image["detail"]} if "detail" in image else None
    head, comma, body = image["url"].partition(";base64,")
    if comma and head.startswith("data:"):
        kind = head.removeprefix("data:")
        return BinaryContent(b64decode(body), media_type=kind, vendor_metadata=detail)
    return ImageUrl(image["url"], vendor_metadata=detail)


def _content(content: str | Sequence[UserContent], write: Any) -> str | list[dict[str, Any]]:
    return content if isinstance(content, str) else [write(item) for item in content]


def _provider_part(item: UserContent) -> dict[str, Any]:
    if isinstance(item, str | TextContent):
        return {"type": "text", "text": item if isinstance(item, str) else item.content}
    more = getattr(item, "vendor_metadata", None) or {}
    if isinstance(item, ImageUrl):
        return {"type": "image_url", "image_url": {"url": item.url, **more}}
    if not isinstance(item, BinaryContent):
        raise InternalError(f"an agent's conversation holds a {type(item).__name__}")
    if item.is_image:
        return {"type": "image_url", "image_url": {"url": item.data_uri, **more}}
    if item.is_audio:
        kind = item.media_type.partition("/")[2]
        return {
            "type": "input_audio",
            "input_audio": {"data": item.base64, "format": _FORMATS.get(kind, kind)},
        }
    name = more.get("filename") or f"file.{item.media_type.rpartition('/')[2][:20]}"
    file = {"file_data": item.data_uri, "format": item.media_type, "filename": name}
    return {"type": "file", "file": file}


def _script_part(item: UserContent) -> dict[str, Any]:
    """Write a part as JSON can hold it: data as a data URL."""
    part = _provider_part(item)
    if part["type"] == "image_url":
        return {"type": "image", **part["image_url"]}
    if part["type"] == "input_audio":
        sound = part["input_audio"]
        kind = f"audio/{sound['format']}"
        return {"type": "audio", "mime_type": kind, "url": f"data:{kind};base64,{sound['data']}"}
    if part["type"] == "file":
        file = part["file"]
        return {
            "type": "file",
            "mime_type": file["format"],
            "url": file["file_data"],
            "name": file["filename"],
        }
    return part
