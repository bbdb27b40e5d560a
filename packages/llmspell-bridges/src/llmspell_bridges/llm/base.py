"""What the groups of methods of `llm` share: settings, the cache, the way to an answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llmspell_bridges.llm import clients, flat
from llmspell_bridges.llm.importing import start_import
from llmspell_bridges.llm.serving import Serving, Wishes
from llmspell_bridges.llm.settings import DEFAULT_MODEL, Settings
from llmspell_core import Bridge
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_bridges.llm.cache import AnswerCache
    from llmspell_bridges.llm.flat import FlatRequest
    from llmspell_core import CallContext


class LlmBase(Bridge):
    """The bridge without its methods."""

    name = "llm"

    def __init__(self, settings: Settings | None = None) -> None:
        """Take the host's settings; nothing is imported yet."""
        self.settings = settings or Settings()
        self._answers: AnswerCache | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make the bridge from the host's configuration.

        Raises:
            ConfigurationError: it names the key that is wrong.
        """
        return cls(Settings.read(settings))

    async def open(self) -> None:
        """Start importing litellm in the background, and return at once."""
        redactor.learn_environment(os.environ)  # litellm takes its keys from there
        clients.hold()
        start_import()

    async def close(self) -> None:
        """Close the HTTP clients, the local models and the cache."""
        if self._answers is not None:
            self._answers.close()
        await clients.release()

    def default_model(self, ctx: CallContext) -> str:
        """Name the model that answers where the script names none."""
        chosen: str | None = ctx.session.options.get("model")
        return chosen or self.settings.default_model or DEFAULT_MODEL

    def _serving(self, ctx: CallContext, wishes: Wishes, default: str | None) -> Serving:
        return Serving(self.settings, ctx, wishes, default=default, store=self._store)

    def _store(self) -> AnswerCache:
        """Find the cache; only calls that use it import it."""
        if self._answers is None:
            from llmspell_bridges.llm.cache import AnswerCache
            from llmspell_bridges.local.store import cache_dir

            path = cache_dir().parent / "answers" / "answers.sqlite3"
            self._answers = AnswerCache(path, self.settings.cache.max_bytes)
        return self._answers

    async def _flat(
        self, ctx: CallContext, wishes: Wishes, request: FlatRequest, *, default: str | None = None
    ) -> dict[str, Any]:
        """Serve a request whose answer is no conversation."""
        serving = self._serving(ctx, wishes, default)
        return await serving.record(
            ctx.where,
            request.arguments,
            lambda call: flat.ask(call, self.settings, request, wishes.timeout_s),
        )
