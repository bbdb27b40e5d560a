"""Translate a chat request into what the runtime takes: plain messages, sampling, a schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.local import toolcalls
from llmspell_bridges.local.catalog import PROVIDER
from llmspell_bridges.local.narrow import narrowed
from llmspell_core.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Without a system prompt the model babbles.
SYSTEM_PROMPT = "You are a helpful assistant."
# What else would end an answer that turns in circles is the context: two minutes later.
MAX_TOKENS = 1024
BAD_REQUEST = 400
_SAMPLING = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
# "Don't repeat yourself" sampling: of twelve JSON answers at temperature 0.9 and 300 tokens, one ran
# into the limit with it, two without.
_AGAINST_LOOPS = {"dry_multiplier": 0.8, "dry_allowed_length": 4}
_TEXT_PARTS = {"text", "input_text"}
_ANY_OBJECT = {"type": "object"}


def bad_request(text: str) -> ProviderError:
    """Make the error for a request that this model cannot take whatever its state."""
    return ProviderError(text, provider=PROVIDER, status_code=BAD_REQUEST)


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the runtime, and what its answer has to be held against."""

    body: dict[str, Any]
    tool_names: frozenset[str]
    must_call: bool
    must_be_json: bool


def prepare(request: Mapping[str, Any]) -> Prepared:
    """Translate a request in OpenAI's terms.

    Raises:
        ProviderError: it asks for what the model does not do, such as reading images.
    """
    if request.get("n") not in {None, 1}:
        raise bad_request("a local model gives one answer to a request: leave out `n`")
    tools, forced = toolcalls.chosen(request)
    if not forced:
        tools = toolcalls.not_called_yet(tools, request.get("messages") or ())
    limit = request.get("max_tokens") or request.get("max_completion_tokens") or MAX_TOKENS
    body: dict[str, Any] = dict(_AGAINST_LOOPS)
    body |= {key: request[key] for key in _SAMPLING if request.get(key) is not None}
    body["max_tokens"] = limit
    body["messages"] = _messages(request.get("messages") or (), tools)
    if stop := request.get("stop"):
        body["stop"] = [stop] if isinstance(stop, str) else list(stop)
    schema = _answer_schema(request.get("response_format"))
    if tools:
        body["schema"] = toolcalls.schema(tools, None if forced else schema)
        body["or_text"] = not forced and schema is None
    elif schema is not None:
        body["schema"] = schema
    return Prepared(
        body=body,
        tool_names=frozenset(tool["name"] for tool in tools),
        must_call=forced,
        must_be_json=schema is not None,
    )


def _answer_schema(response_format: Any) -> dict[str, Any] | None:
    """Return the JSON Schema an answer has to match, None for free text."""
    match response_format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return _ANY_OBJECT
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return narrowed(schema)
    kinds = "text, json_object, json_schema with json_schema.schema"
    text = f"bad `response_format` for a local model: expected one of {kinds}"
    raise bad_request(text)


def _messages(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Flatten messages to role and text; put a system prompt first, with the tools in it."""
    if not messages:
        raise bad_request("bad `messages`: a request needs one at least")
    flat = [_message(message, index) for index, message in enumerate(messages)]
    if flat[0]["role"] != "system":
        flat.insert(0, {"role": "system", "content": SYSTEM_PROMPT})
    if tools:
        flat[0] = {"role": "system", "content": flat[0]["content"] + toolcalls.prompt(tools)}
    return flat


def _message(message: Mapping[str, Any], index: int) -> dict[str, str]:
    """Flatten one message; tool calls and their results become text the model has seen before."""
    role = message.get("role")
    text = _text(message.get("content"), index)
    match role:
        case "system" | "developer":
            return {"role": "system", "content": text}
        case "user":
            return {"role": "user", "content": text}
        case "assistant":
            calls = [toolcalls.as_text(call) for call in message.get("tool_calls") or ()]
            return {"role": "assistant", "content": "\n".join(filter(None, [text, *calls]))}
        case "tool" | "function":
            name = message.get("name") or message.get("tool_call_id") or "tool"
            return {"role": "user", "content": f"Result of {name}: {text}"}
    known = "system, developer, user, assistant, tool"
    text = f"bad `messages[{index}].role`: expected one of {known}, got {json.dumps(role)}"
    raise bad_request(text)


def _text(content: Any, index: int) -> str:
    """Join a message's content parts; refuse what is not text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for number, part in enumerate(content):
        if part.get("type") not in _TEXT_PARTS:
            where = f"messages[{index}].content[{number}]"
            text = f"bad `{where}`: a local model reads text, not {part.get('type')!r}"
            raise bad_request(text)
        texts.append(part["text"])
    return "\n".join(texts)
