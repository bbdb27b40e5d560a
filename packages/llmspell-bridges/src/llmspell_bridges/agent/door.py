"""An agent's way to models: the settings and the serving of the bridge `llm`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from llmspell_bridges.llm.call import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_bridges.agent.config import AgentConfig
    from llmspell_bridges.llm.serving import Serving, Wishes
    from llmspell_bridges.llm.settings import Settings
    from llmspell_core import CallContext

Mode = Literal["native", "tool", "prompted"]


class ModelDoor:
    """What the bridge `llm` lends its agents."""

    def __init__(
        self,
        settings: Settings,
        serving: Callable[[CallContext, Wishes, str | None], Serving],
        default: Callable[[CallContext], str],
    ) -> None:
        """Keep the bridge's own ways; nothing is asked yet."""
        self._settings = settings
        self._serving = serving
        self._default = default

    def serving(self, ctx: CallContext, wishes: Wishes) -> Serving:
        """Make the way to one answer."""
        return self._serving(ctx, wishes, self._default(ctx))

    async def model(self, ctx: CallContext, config: AgentConfig) -> tuple[str, Mode | None]:
        """Find the agent's model, and the way to structured output that it knows, where asked for.

        Raises:
            ModelNotFoundError, PermissionDeniedError, AuthenticationError: it cannot be used.
        """
        name = config.model if config.model is not None else self._default(ctx)
        call = await prepare(self._settings, ctx, name, config.provider)
        if config.schema is None:
            return call.model.name, None
        return call.model.name, config.schema_mode or _mode(call.litellm, call.model)


def _mode(litellm: Any, model: Any) -> Mode:
    known = {"model": model.model, "custom_llm_provider": model.provider}
    if litellm.supports_response_schema(**known):
        return "native"
    return "tool" if litellm.supports_function_calling(**known) else "prompted"
