"""The bridge `util`: what the guests' own library `util` leaves to the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from llmspell_bridges.retry import RetryPolicy, run
from llmspell_core import (
    Bridge,
    Callback,
    CallContext,
    CancelledSpellError,
    PermissionDeniedError,
    method,
)
from llmspell_core.values import HandleRef

if TYPE_CHECKING:
    from llmspell_core import LlmspellError, Session

_NEVER = (CancelledSpellError, PermissionDeniedError)
"""What trying again does not change; limits and budgets are left out by `retry.run`."""


class UtilBridge(Bridge):
    """Tries again what may fail for a while; the guests have the rest of `util` themselves."""

    name = "util"

    @method(
        example={"policy": {"max_attempts": 5}, "call": "function() return llm.complete('Hi') end"},
        returns="What the function returned at last",
    )
    async def retry(
        self,
        policy: Annotated[RetryPolicy, "How often to try, and how long to wait between"],
        call: Annotated[Callback, "Called without arguments until it raises no error"],
        *,
        ctx: CallContext,
    ) -> Any:
        """Call a function until it succeeds; raise its last error.

        Without `on`, what is tried again are errors marked `retryable`, and those that the spell
        raised itself. With `on`, every error of these kinds.
        """

        def may_retry(error: LlmspellError) -> bool:
            if isinstance(error, _NEVER):
                return False
            return policy.on is not None or error.retryable or error.kind == "runtime"

        return _alive(ctx.session, await run(policy, call, may_retry=may_retry))


def _alive(session: Session, value: Any) -> Any:
    """Replace the numbers of handles by the handles, which go back to the script as new."""
    if isinstance(value, HandleRef):
        return session.handles.get(value.id)
    if type(value) is dict:
        return {key: _alive(session, item) for key, item in value.items()}
    return [_alive(session, item) for item in value] if type(value) is list else value
