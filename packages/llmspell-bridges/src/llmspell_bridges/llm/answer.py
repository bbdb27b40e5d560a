"""litellm's answers as text records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm import errors
from llmspell_bridges.llm.request import text_tokens
from llmspell_core import TextRecord
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_bridges.llm.models import Model


class Collected:
    """The parts of one answer, whole or as its stream brought them so far."""

    def __init__(self, model: Model) -> None:
        """Start with nothing."""
        self.model = model
        self.text = ""
        self.reasoning = ""
        self.finish_reason = ""
        self.usage: Any = None
        self.cost_usd: float | None = None
        self.heard_at = 0.0
        self.metadata: dict[str, Any] = {"provider": model.provider}
        self._calls: dict[int, dict[str, str]] = {}
        self._thinking: list[dict[str, Any]] = []
        self._pieces: list[str] = []
        self._shown = {kind: redactor.stream() for kind in ("text", "reasoning")}

    def take_response(self, response: Any) -> None:
        """Take a whole answer.

        Raises:
            BadResponseError: nothing is in it.
        """
        self.usage = getattr(response, "usage", None)
        if not response.choices:
            raise errors.empty(self.model)
        choice = response.choices[0]
        self._take_delta(choice.message)
        self.text = "".join(self._pieces)
        self.finish_reason = choice.finish_reason or "stop"
        self._describe(response)

    def take_chunk(self, chunk: Any) -> TextRecord | None:
        """Take one piece of a stream; return what of it a script sees."""
        self._describe(chunk)
        self.usage = getattr(chunk, "usage", None) or self.usage
        if not chunk.choices:
            return None
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        text, reasoning = self._take_delta(choice.delta)
        if text and (shown := self._shown["text"].feed(text)):
            return _piece("text", shown)
        if reasoning and (shown := self._shown["reasoning"].feed(reasoning)):
            return _piece("reasoning", shown)
        return None

    def held(self) -> Iterator[TextRecord]:
        """Yield what was held back of a stream, as it could have become a key of the host's."""
        for kind in ("reasoning", "text"):
            if rest := self._shown[kind].end():
                yield _piece(kind, rest)

    def end_stream(self) -> None:
        """Put the pieces together."""
        self.text = "".join(self._pieces)

    @property
    def received_tokens(self) -> int:
        """Estimate what came so far: text, what the model thought, arguments of tool calls."""
        arguments = [call["arguments"] for call in self._calls.values()]
        return sum(map(text_tokens, (*self._pieces, self.reasoning, *arguments)))

    def record(self, *, kind: str | None, parse: bool) -> TextRecord:
        """Make the answer a script gets; `kind` marks the end of a stream, which has no text.

        Raises:
            BadResponseError: it should be JSON (`parse`), and is not.
        """
        calls = self.tool_calls()
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        fields: dict[str, Any] = {} if kind is None else {"type": kind}
        if calls:
            message["tool_calls"] = calls
            fields["tool_calls"] = calls
        if any(block.get("signature") or block.get("data") for block in self._thinking):
            message["metadata"] = {"thinking": self._thinking}
        if self.reasoning:
            fields["reasoning"] = self.reasoning
        if parse and not calls:
            fields["data"] = self._data()
        fields.update(
            message=message,
            finish_reason=self.finish_reason,
            usage=usage_record(self.usage),
            cost_usd=self.cost_usd,
            model=self.model.name,
            metadata=self.metadata,
        )
        return TextRecord(self.text if kind is None else "", fields)

    def tool_calls(self) -> list[dict[str, Any]]:
        """List the tool calls; `arguments` is parsed, `arguments_text` is there when it cannot be."""
        found: list[dict[str, Any]] = []
        for index in sorted(self._calls):
            call = self._calls[index]
            entry: dict[str, Any] = {"id": call["id"], "name": call["name"]}
            try:
                arguments = json.loads(call["arguments"] or "{}")
            except (ValueError, RecursionError):
                arguments = None
            if isinstance(arguments, dict):
                entry["arguments"] = arguments
            else:
                entry["arguments_text"] = call["arguments"]
            found.append(entry)
        return found

    def _take_delta(self, delta: Any) -> tuple[str, str]:
        text = getattr(delta, "content", None) or ""
        reasoning = getattr(delta, "reasoning_content", None) or ""
        self._pieces.append(text)
        self.reasoning += reasoning
        for block in getattr(delta, "thinking_blocks", None) or ():
            self._take_thinking(dict(block))
        for position, call in enumerate(getattr(delta, "tool_calls", None) or ()):
            index = getattr(call, "index", None)
            slot = position if index is None else index
            entry = self._calls.setdefault(slot, {"id": "", "name": "", "arguments": ""})
            entry["id"] = entry["id"] or call.id or ""
            entry["name"] = entry["name"] or call.function.name or ""
            entry["arguments"] += call.function.arguments or ""
        return text, reasoning

    def _take_thinking(self, block: dict[str, Any]) -> None:
        """Keep a block of signed thinking: whole, or the pieces of it that a stream brings."""
        last = self._thinking[-1] if self._thinking else {}
        goes_on = block.get("type") == last.get("type") == "thinking" and not last.get("signature")
        if not goes_on:
            self._thinking.append(block)
            return
        last["thinking"] = f"{last.get('thinking') or ''}{block.get('thinking') or ''}"
        last["signature"] = block.get("signature") or ""

    def _describe(self, response: Any) -> None:
        if getattr(response, "id", None):
            self.metadata["id"] = response.id
        if getattr(response, "model", None):
            self.metadata["served_model"] = response.model
        created = getattr(response, "created", None)
        if isinstance(created, int):
            self.metadata["created"] = created

    def _data(self) -> Any:
        try:
            return json.loads(self.text)
        # also an integer of more digits than Python reads, and lists in lists without end
        except (ValueError, RecursionError) as error:
            raise errors.not_json(self.model, self.text, self.finish_reason, error) from None


def _piece(kind: str, text: str) -> TextRecord:
    if kind == "text":
        return TextRecord(text, {"type": "text"})
    return TextRecord("", {"type": "reasoning", "reasoning": text})


def usage_record(usage: Any) -> dict[str, int]:
    """Count tokens as every answer does: zero where the provider said nothing."""
    prompt = getattr(usage, "prompt_tokens", None) or 0
    completion = getattr(usage, "completion_tokens", None) or 0
    total = getattr(usage, "total_tokens", None) or prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def embedding_record(found: dict[str, Any], model: Model) -> dict[str, Any]:
    """Make the answer of an embedding from its vectors, usage and cost."""
    answer: dict[str, Any] = {
        "embeddings": found["vectors"],
        "dimensions": len(found["vectors"][0]),
        "usage": usage_record(found["usage"]),
        "model": model.name,
        "metadata": {"provider": model.provider},
    }
    cost = found["cost_usd"]
    return answer if cost is None else {**answer, "cost_usd": cost}


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as chat answers count them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens


def token_usage(response: Any) -> Tokens:
    """Read the usage of an answer that is no text: images and sounds have other names for it."""
    usage = getattr(response, "usage", None)
    read: Any = usage.get if isinstance(usage, dict) else lambda name: getattr(usage, name, None)
    return Tokens(
        prompt_tokens=read("prompt_tokens") or read("input_tokens") or 0,
        completion_tokens=read("completion_tokens") or read("output_tokens") or 0,
    )
