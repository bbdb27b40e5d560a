"""Tool calls for a model that knows none: a grammar forces what instructions cannot.

The model is asked for one object ``{"tool_call": {"name": …, "arguments": …}}``. Where a call is
required, the grammar admits nothing else; where the choice is the model's, it admits free text, or
the object that `response_format` asks for, beside it.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from llmspell_bridges.local.catalog import PROVIDER
from llmspell_bridges.local.narrow import narrowed
from llmspell_core.errors import BadResponseError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY = "tool_call"
BAD_REQUEST = 400
_NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}


def chosen(request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """Return the functions the model may call, and whether it has to call one.

    Raises:
        ProviderError: `tool_choice` names a tool that is not among `tools`, or is no choice.
    """
    tools = [tool["function"] for tool in request.get("tools") or ()]
    match request.get("tool_choice"):
        case "none":
            return [], False
        case None | "auto":
            return tools, False
        case "required" | "any" if tools:
            return tools, True
        case {"function": {"name": name}} if named := [it for it in tools if it["name"] == name]:
            return named, True
    known = ", ".join(tool["name"] for tool in tools) or "none"
    text = (
        f"bad `tool_choice` {json.dumps(request['tool_choice'])}: expected none, auto, required, "
        f"or a function among `tools` (there: {known})"
    )
    raise ProviderError(text, provider=PROVIDER, status_code=BAD_REQUEST)


def not_called_yet(
    tools: Sequence[dict[str, Any]], messages: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Leave out the tools that were called since the user spoke last.

    A model of this size repeats what it has just done: given the choice, it made the same call
    fifty times in a row.
    """
    called: set[str] = set()
    for message in messages:
        if message.get("role") == "user":
            called.clear()
        called |= {call["function"]["name"] for call in message.get("tool_calls") or ()}
    return [tool for tool in tools if tool["name"] not in called]


def prompt(tools: Sequence[Mapping[str, Any]]) -> str:
    """Describe the tools, to be appended to the system prompt."""
    lines = [
        f"- {tool['name']}: {tool.get('description') or ''} "
        f"Arguments: {json.dumps(_parameters(tool), ensure_ascii=False)}"
        for tool in tools
    ]
    example = json.dumps({KEY: {"name": "NAME", "arguments": {}}})
    return "\n\nTools:\n" + "\n".join(lines) + f"\nTo call a tool, answer with {example}"


def schema(tools: Sequence[Mapping[str, Any]], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Build the schema of one call of one of the tools, or of an `answer` where there is one."""
    definitions = {f"t{number}": _parameters(tool) for number, tool in enumerate(tools)}
    options = [
        _closed({"name": {"const": tool["name"]}, "arguments": {"$ref": f"#/$defs/t{number}"}})
        for number, tool in enumerate(tools)
    ]
    variants: list[Any] = [_closed({KEY: option}) for option in options]
    if answer is not None:
        definitions["answer"] = dict(answer)
        variants.append({"$ref": "#/$defs/answer"})
    moved = {key: _moved(value, f"#/$defs/{key}") for key, value in definitions.items()}
    return narrowed({"$defs": moved, "anyOf": variants})


def as_text(call: Mapping[str, Any]) -> str:
    """Show an earlier call as the model would have written it."""
    function = call["function"]
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError:
        arguments = function["arguments"]
    return json.dumps({KEY: {"name": function["name"], "arguments": arguments}})


def parse(text: str, names: frozenset[str], finish_reason: str) -> dict[str, Any] | None:
    """Read a generated call in OpenAI's terms; None where `text` is an answer.

    Raises:
        BadResponseError: the call was cut off by `max_tokens`.
    """
    try:
        value = json.loads(text)
    except ValueError:
        if not text.startswith("{"):
            return None
        cut = (
            f"the local model's answer was cut off inside a tool call or JSON object "
            f"({finish_reason}, {len(text)} characters); raise `max_tokens`"
        )
        raise BadResponseError(cut, provider=PROVIDER, retryable=False) from None
    if not isinstance(value, dict) or not isinstance(call := value.get(KEY), dict):
        return None
    if call.get("name") not in names:
        return None
    arguments = json.dumps(call["arguments"], ensure_ascii=False)
    return {
        "id": f"call_{secrets.token_hex(8)}",
        "type": "function",
        "function": {"name": call["name"], "arguments": arguments},
    }


def _parameters(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tool's parameter schema; without properties llama.cpp would invent some."""
    parameters = tool.get("parameters")
    return parameters if parameters and parameters.get("properties") else _NO_PARAMETERS


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _moved(value: Any, root: str) -> Any:
    """Copy a schema with its references rooted at `root`, where it lies now."""
    if isinstance(value, list):
        return [_moved(item, root) for item in value]
    if not isinstance(value, dict):
        return value
    ref = value.get("$ref")
    if isinstance(ref, str) and ref.startswith("#"):
        return {**value, "$ref": root + ref[1:]}
    return {key: _moved(item, root) for key, item in value.items()}
