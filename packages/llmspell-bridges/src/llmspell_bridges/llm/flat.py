"""A call whose answer is no conversation: estimated, reserved, made, priced, described."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm.answer import token_usage
from llmspell_bridges.llm.call import ModelCall
from llmspell_bridges.llm.prices import spent_flat_usd
from llmspell_core import BadResponseError

if TYPE_CHECKING:
    from llmspell_bridges.llm.settings import Settings

MESSAGE_BYTES = 16 * 1024 * 1024
"""What one message between a spell and the host takes."""
_ROOM = 64 * 1024  # for the rest of the message


class FlatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One such call.

    `send` starts it, `take` makes the script's record of the response; `estimate` gives what it
    will cost, in US dollars, or None; `facts` are what litellm wants to know for its price. A
    request that is made to be dear may cost `at_most` times the estimate; None: nobody can tell.
    """

    send: Callable[[ModelCall, dict[str, Any]], Awaitable[Any]]
    take: Callable[[Any, ModelCall], dict[str, Any]]
    estimate: Callable[[ModelCall], float | None]
    facts: dict[str, Any]
    arguments: dict[str, Any]
    tokens: int = 0
    at_most: float | None = 1.0


async def ask(
    call: ModelCall, settings: Settings, request: FlatRequest, timeout_s: float | None
) -> dict[str, Any]:
    """Make the call, and settle it."""
    estimate = request.estimate(call)
    await call.reserve_flat(estimate, request.tokens, at_most=request.at_most, timeout_s=timeout_s)

    def price(response: Any) -> float | None:
        return spent_flat_usd(
            call.litellm, settings, call.model, response, estimate, **request.facts
        )

    def take(response: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return request.take(response, call), _metadata(response, call)

    sending = request.send(call, request.arguments)
    (record, metadata), cost = await call.ask(sending, take, price)
    answer = {**record, "model": call.model.name, "metadata": metadata}
    return answer if cost is None else {**answer, "cost_usd": cost}


def check_size(size: int, what: str, remedy: str, call: ModelCall) -> None:
    """Refuse an answer that no message to the spell could hold.

    Raises:
        BadResponseError: it says how large it is, and the remedy.
    """
    if size > MESSAGE_BYTES - _ROOM:
        text = (
            f"{what} of {call.model.name} is {size:,} bytes, and a message to a spell takes "
            f"16 MiB: {remedy}"
        )
        name = call.model.name
        raise BadResponseError(text, retryable=False, provider=call.model.provider, model=name)


def fits_message(size: int) -> bool:
    """Say whether data of this size can come in one message from a spell."""
    return size <= MESSAGE_BYTES - _ROOM


def bad(call: ModelCall, what: str) -> BadResponseError:
    """Make the error of a response that does not have what was asked for."""
    text = f"{call.model.name} answered something that is not an answer: {what}"
    return BadResponseError(text, provider=call.model.provider, model=call.model.name)


def _metadata(response: Any, call: ModelCall) -> dict[str, Any]:
    found: dict[str, Any] = {"provider": call.model.provider}
    identity = getattr(response, "id", None)
    if isinstance(identity, str):
        found["id"] = identity
    served = getattr(response, "model", None)
    if isinstance(served, str):
        found["served_model"] = served
    usage = token_usage(response)
    if usage.total_tokens:
        found["prompt_tokens"] = usage.prompt_tokens
        found["completion_tokens"] = usage.completion_tokens
    return found
