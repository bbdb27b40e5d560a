"""What a double of a provider answers: a record for each answer, and short ways to make one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a case file may hold: an unknown key is a mistake."""


class ToolCall(_Record, frozen=True, kw_only=True):
    """A call of a tool that the model asks for."""

    name: str
    arguments: dict[str, Any] = {}


class Reply(_Record, frozen=True, kw_only=True):
    """One answer: text, calls of tools, vectors, or a failure.

    Replies are given in order, each once; one with a `model` only to requests for that model, one
    with `vectors` only to requests for embeddings. With a `status` it is a failure, whose
    `retry_after_s` becomes a header. `raw` is sent as it is in the place of an answer.
    The answer begins after `latency_s`; a stream comes word by word. `break_after` closes the
    connection after that many words of a stream, or, where no stream was asked for, in the middle
    of the body; 0 closes it before anything was sent.
    """

    text: str | None = None
    calls: list[ToolCall] = []
    vectors: list[list[float]] | None = None
    status: int | None = None
    message: str | None = None
    retry_after_s: float | None = None
    raw: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    latency_s: float = 0.0
    break_after: int | None = None

    @property
    def ending(self) -> str:
        """The reason why the model stopped, as OpenAI names it."""
        return self.finish_reason or ("tool_calls" if self.calls else "stop")


def tool_call(name: str, arguments: dict[str, Any] | None = None, **more: Any) -> ToolCall:
    """Make a call of a tool: ``tool_call("weather", city="Paris")``."""
    return ToolCall(name=name, arguments={**(arguments or {}), **more})


def response(*parts: str | ToolCall, **fields: Any) -> Reply:
    """Make an answer of texts and calls of tools: ``response("One moment.", tool_call("add"))``.

    `fields` are those of `Reply`, such as ``latency_s=0.5``.
    """
    texts = [part for part in parts if isinstance(part, str)]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    return Reply(text="".join(texts) if texts else None, calls=calls, **fields)


def failure(status: int, message: str = "it failed", **fields: Any) -> Reply:
    """Make a refusal with an HTTP status: ``failure(429, retry_after_s=2)``."""
    return Reply(status=status, message=message, **fields)


def disconnect(after: int = 0, text: str = "", **fields: Any) -> Reply:
    """Make an answer that breaks off: after so many words of `text`; 0 is before all of it."""
    return Reply(text=text, break_after=after, **fields)


def garbage(raw: str = "<html>not an answer", **fields: Any) -> Reply:
    """Make an answer, with status 200, that is none."""
    return Reply(raw=raw, **fields)


def vectors(*rows: Sequence[float], **fields: Any) -> Reply:
    """Make the answer to a request for embeddings, a vector for each text."""
    return Reply(vectors=[list(row) for row in rows], **fields)


class Replies:
    """A script of replies, each given once; `default` is given when none is left that fits."""

    def __init__(self, script: Sequence[Reply] = (), default: Reply | None = None) -> None:
        """Hold a script; without a `default` a request that it does not foresee is refused."""
        self.left = list(script)
        self.default = default

    def take(self, model: str | None, *, embedding: bool = False) -> Reply:
        """Take the first reply that fits a request."""
        for index, reply in enumerate(self.left):
            if embedding:
                fits = reply.vectors is not None or reply.model is not None
            else:
                fits = reply.vectors is None
            if fits and reply.model in (None, model):
                return self.left.pop(index)
        if embedding:
            return Reply()
        what = f"the script has no reply left for a request for the model {model!r}"
        return self.default or Reply(status=400, message=what)
