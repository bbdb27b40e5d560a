"""A script's request as litellm's arguments: an allow-list, written out name by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm.grant import Estimate
from llmspell_bridges.llm.parts import part_of
from llmspell_core import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_bridges.llm.types import Message, Request, Tool, ToolCall

_SAMPLING = (
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
)
_CHOICES = ("auto", "none", "required")
_TEXT_BYTES_PER_TOKEN = 3  # English has about 4: an estimate for the budget errs on the dear side
_TOKENS_PER_REQUEST = 16
_TOKENS_PER_MESSAGE = 8
_TOKENS_PER_TOOLS = 800  # what providers put around the tools and the schema of a request
TOKENS_PER_BLOB = 1500
"""An image, a sound, a document: what the large providers count for one."""
_MOST_TOKENS_PER_IMAGE = {"gpt-4o-mini": 50_000, "": 10_000}  # that one: 48,169 for a large one
_BASE64_PER_TOKEN = 27  # of a document or a sound: about 20 of its bytes


def arguments(request: Request, allow_host: Callable[[str, int], None]) -> dict[str, Any]:
    """Build litellm's arguments, the model and the host's own settings apart.

    `allow_host` is told the host and port of each URL that somebody would have to fetch.

    Raises:
        ValidationError: it names the argument.
    """
    built: dict[str, Any] = {"messages": _messages(request, allow_host)}
    for name in _SAMPLING:
        value = getattr(request, name)
        if value is not None:
            built[name] = value
    if request.stop_sequences:
        built["stop"] = request.stop_sequences
    if request.tools:
        built["tools"] = [_tool(tool, i, request.where) for i, tool in enumerate(request.tools)]
        if request.tool_choice is not None:
            built["tool_choice"] = _choice(request.tool_choice)
    form = _format(request)
    if form is not None:
        built["response_format"] = form
    return built


def estimated(arguments: dict[str, Any], model: str) -> Estimate:
    """Estimate a prompt's tokens without a tokenizer: messages, tools, the answer's schema."""
    tokens, size, blobs, known = _TOKENS_PER_REQUEST, 0, 0, True
    for message in arguments["messages"]:
        tokens += _TOKENS_PER_MESSAGE
        content: str | list[dict[str, Any]] = message.get("content") or ""
        rest = {name: it for name, it in message.items() if name not in ("content", "role")}
        size += len(msgspec.json.encode(rest)) if rest else 0
        for part in [{"text": content}] if isinstance(content, str) else content:
            if "text" in part:
                size += len(part["text"].encode())
            elif part["type"] == "image_url":
                blobs += 1
            else:
                holder: Any = part.get("file") or part.get("input_audio") or {}
                data = holder.get("file_data") or holder.get("data") or ""
                tokens += max(TOKENS_PER_BLOB, len(data) // _BASE64_PER_TOKEN)
                known = False
    for name in ("tools", "response_format"):
        if name in arguments:
            size += len(msgspec.json.encode(arguments[name]))
            tokens += _TOKENS_PER_TOOLS
    image = next((n for name, n in _MOST_TOKENS_PER_IMAGE.items() if name in model))
    most = tokens + size + blobs * image
    guess = tokens + size // _TEXT_BYTES_PER_TOKEN + blobs * TOKENS_PER_BLOB
    return Estimate(tokens=guess, most=most if known else None)


def estimated_texts(texts: list[str]) -> Estimate:
    """Estimate texts that are sent as they are."""
    most = sum(len(text.encode()) + _TOKENS_PER_MESSAGE for text in texts)
    return Estimate(tokens=sum(map(text_tokens, texts)), most=most)


def text_tokens(text: str) -> int:
    """Estimate the tokens of a piece of text."""
    return -(-len(text.encode()) // _TEXT_BYTES_PER_TOKEN)


def _messages(request: Request, allow_host: Callable[[str, int], None]) -> list[dict[str, Any]]:
    built: list[dict[str, Any]] = []
    if request.system is not None:
        built.append({"role": "system", "content": request.system})
    for index, message in enumerate(request.messages or []):
        built.append(_message(message, f"messages[{index}]", request.where, allow_host))
    if request.prompt is not None:
        built.append({"role": "user", "content": request.prompt})
    if request.prompt is None and not request.messages:
        raise _wrong("prompt", request.where, "give `prompt`, or `messages` with at least one")
    return built


def _message(
    message: Message, path: str, where: str, allow_host: Callable[[str, int], None]
) -> dict[str, Any]:
    built: dict[str, Any] = {"role": message.role}
    if isinstance(message.content, list):
        built["content"] = [
            part_of(part, f"{path}.content[{index}]", where, allow_host)
            for index, part in enumerate(message.content)
        ]
    elif message.content is not None or message.tool_calls:
        built["content"] = None if message.content is None else str(message.content)
    else:
        raise _wrong(f"{path}.content", where, "expected string or list, got nothing")
    if message.name is not None:
        built["name"] = message.name
    if message.tool_calls:
        built["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        built["tool_call_id"] = message.tool_call_id
    elif message.role == "tool":
        raise _wrong(f"{path}.tool_call_id", where, "a tool's message names the call it answers")
    return built


def _call(call: ToolCall) -> dict[str, Any]:
    if call.function is not None:
        function = {"name": call.function.name, "arguments": call.function.arguments}
    else:
        text = call.arguments_text
        if text is None:
            text = msgspec.json.encode(call.arguments or {}).decode()
        function = {"name": call.name or "", "arguments": text}
    return {"id": call.id, "type": "function", "function": function}


def _tool(tool: Tool, index: int, where: str) -> dict[str, Any]:
    function = tool.function
    name = tool.name if function is None else function.name
    if not name:
        raise _wrong(f"tools[{index}].name", where, "a tool needs a name")
    source = tool if function is None else function
    built: dict[str, Any] = {"name": name}
    if source.description is not None:
        built["description"] = source.description
    parameters = source.parameters
    built["parameters"] = parameters or {"type": "object", "properties": {}}
    if function is not None and function.strict is not None:
        built["strict"] = function.strict
    return {"type": "function", "function": built}


def _choice(choice: str) -> str | dict[str, Any]:
    """Take ``auto``, ``none``, ``required``, or the name of the tool that must be called."""
    if choice in _CHOICES:
        return choice
    return {"type": "function", "function": {"name": choice}}


def _format(request: Request) -> dict[str, Any] | None:
    if request.schema is not None:
        if request.response_format is not None:
            raise _wrong("schema", request.where, "give `schema` or `response_format`, not both")
        schema: dict[str, Any] = {"name": "answer", "schema": request.schema}
        return {"type": "json_schema", "json_schema": schema}
    form = request.response_format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return {"type": "json_object"}
    if form.json_schema is None:
        text = "the type json_schema goes with `json_schema`"
        raise _wrong("response_format", request.where, text)
    given = msgspec.structs.asdict(form.json_schema)
    return {"type": "json_schema", "json_schema": {k: v for k, v in given.items() if v is not None}}


def _wrong(argument: str, where: str, what: str) -> ValidationError:
    return ValidationError(f"bad argument `{argument}` to `{where}`: {what}", argument=argument)
