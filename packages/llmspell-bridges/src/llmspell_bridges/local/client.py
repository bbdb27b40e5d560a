"""Use a local model from asyncio: complete, stream, embed."""

from __future__ import annotations

import asyncio
import atexit
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.local import chat, toolcalls
from llmspell_bridges.local.catalog import PROVIDER, find
from llmspell_bridges.local.worker import ModelWorker
from llmspell_core.errors import ContextWindowError, LlmspellError, ProviderError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from pathlib import Path

    from llmspell_bridges.local.frames import Report


class LocalModel:
    """One model in a child process of its own, usable from any event loop and from several.

    A request, in OpenAI's terms, is a dict of `messages` and, optionally, `max_tokens`,
    `temperature`, `top_p`, `seed`, `stop`, `presence_penalty`, `frequency_penalty`,
    `response_format`, `tools`, `tool_choice`. The child starts at the first request.
    """

    def __init__(self, name: str, *, path: Path | None = None) -> None:
        """Name a model of the catalog; `path` is another file than the cache's.

        Raises:
            ModelNotFoundError: the catalog has no such model.
        """
        self.model = find(name)
        self._worker = ModelWorker(self.model, path)
        _open.add(self)

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is no child."""
        return self._worker.pid

    async def complete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a request: `text`, `tool_calls`, `finish_reason`, `usage`.

        Raises: as `stream`.
        """
        texts: list[str] = []
        async for chunk in self.stream(request):
            texts.append(chunk["text"])
            last = chunk
        return {**last, "text": "".join(texts)}

    async def stream(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Answer a request piece by piece: each has `text`, the last what `complete` has too.

        Leaving the loop early, or being cancelled, stops the model.

        Raises:
            ModelNotFoundError: the model was not pulled.
            ContextWindowError: the request does not fit into the model's context.
            BadResponseError: a tool call was cut off by `max_tokens`.
            ProviderError: anything else; `status_code` 400 for a request that never succeeds.
        """
        self._require("chat")
        prepared = chat.prepare(request)
        texts: list[str] = []
        holds = bool(prepared.tool_names)
        async for report in self._reports("chat", prepared.body):
            if report.kind == "done":
                yield _last("".join(texts), prepared, report.body, held=holds)
                return
            text = report.body["text"]
            texts.append(text)
            # A call is an object and comes whole; text is told by its first character.
            holds = holds and texts[0].startswith("{")
            if not holds:
                yield {"text": text}

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Embed texts; see `embed_with_usage`."""
        vectors, _ = await self.embed_with_usage(texts)
        return vectors

    async def embed_with_usage(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """Embed texts as vectors of length 1; return them and the tokens read.

        Raises:
            ContextWindowError: a text has more tokens than the model reads.
            ProviderError: as for `stream`.
        """
        self._require("embeddings")
        if not texts:
            return [], 0
        async for report in self._reports("embed", {"texts": list(texts)}):
            return report.body["vectors"], report.body["usage"]["prompt_tokens"]
        raise AssertionError  # a job ends with a report or an error

    async def close(self) -> None:
        """End the child; requests that wait get an error. Idempotent."""
        _open.discard(self)
        await asyncio.to_thread(self._worker.close)

    def close_now(self) -> None:
        """End the child without an event loop."""
        _open.discard(self)
        self._worker.close()

    def _require(self, purpose: str) -> None:
        if self.model.purpose != purpose:
            text = (
                f"{self.model.id!r} is for {self.model.purpose}, not for {purpose}: "
                f"use `local/{'smollm2' if purpose == 'chat' else 'minilm'}`"
            )
            raise chat.bad_request(text)

    async def _reports(self, op: str, body: dict[str, Any]) -> AsyncGenerator[Report, None]:
        """Yield a job's reports, the last one of kind ``done``; cancel it when left early."""
        job = self._worker.submit(op, body, asyncio.get_running_loop())
        ended = False
        try:
            while not ended:
                event = await job.events.get()
                ended = isinstance(event, LlmspellError) or event.kind != "chunk"
                if isinstance(event, LlmspellError):
                    raise event
                if event.kind == "error":
                    raise self._error(event.body)
                yield event
        finally:
            if not ended:
                self._worker.cancel(job)

    def _error(self, body: Mapping[str, Any]) -> ProviderError:
        """Translate the runtime's error."""
        message, code = str(body.get("message")), body.get("code")
        text = f"{self.model.id!r} refused the request: {message}"
        if body.get("type") == "exceed_context_size_error" or "too large to process" in message:
            text = f"{text} (its context holds {self.model.context_tokens} tokens)"
            return ContextWindowError(text, provider=PROVIDER, model=self.model.id)
        status = code if isinstance(code, int) else None
        return ProviderError(text, provider=PROVIDER, model=self.model.id, status_code=status)


def _last(
    text: str, prepared: chat.Prepared, body: Mapping[str, Any], *, held: bool
) -> dict[str, Any]:
    """Make the last chunk: the call, or the text if it was `held` back, and how it ended."""
    finish_reason = body["finish_reason"]
    call = toolcalls.parse(text, prepared.tool_names, finish_reason) if held else None
    if call is None and finish_reason == "stop":
        _check_kept(text, prepared)
    return {
        "text": text if held and call is None else "",
        "tool_calls": [call] if call else [],
        "finish_reason": "tool_calls" if call else finish_reason,
        "usage": body["usage"],
    }


def _check_kept(text: str, prepared: chat.Prepared) -> None:
    """Notice a schema the runtime could not turn into a grammar: it then generates freely."""
    unmet = prepared.must_call or (prepared.must_be_json and not _is_json(text))
    if unmet:
        what = "a tool's parameters" if prepared.must_call else "`response_format`"
        reason = f"the local model cannot follow the JSON Schema of {what}; use simpler keywords"
        raise chat.bad_request(reason)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


_open: set[LocalModel] = set()
_shared: dict[str, LocalModel] = {}
_lock = threading.Lock()


def shared_model(name: str) -> LocalModel:
    """Return the process's one `LocalModel` of this name, made at the first call."""
    model = find(name)
    with _lock:
        if model.name not in _shared:
            _shared[model.name] = LocalModel(model.name)
        return _shared[model.name]


async def close_local_models() -> None:
    """End the children of all shared models; the next request starts new ones."""
    with _lock:
        models = list(_shared.values())
        _shared.clear()
    for model in models:
        await model.close()


@atexit.register
def _close_at_exit() -> None:
    """End what is still open, so that no child is left unreaped and nothing warns."""
    for model in list(_open):
        model.close_now()
