"""Trying again, and asking another model, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import (
    AuthenticationError,
    ContextWindowError,
    ModelNotFoundError,
    NetworkError,
    PermissionDeniedError,
    Permissions,
    ProviderError,
    RateLimitError,
    Session,
    ValidationError,
)
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from llmspell_bridges.llm import LlmBridge

pytestmark = pytest.mark.anyio
AGAIN = {"retry": {"max_attempts": 3, "base_delay_ms": 0}}
OTHER = {"fallbacks": ["openai/gpt-4o-mini"]}


async def test_a_call_is_tried_again_where_it_was_asked_for(
    session: Session, ask: Any, mock: Any
) -> None:
    """Every request counts as a call, and the prompts that failed may have been charged."""
    mock.reply("Yes").fail(503, times=2)
    answer = await ask("complete", "Hi", AGAIN)
    assert len(mock.requests) == 3
    assert session.ledger.usage.llm_calls == 3
    assert session.ledger.usage.cost_usd >= answer.fields["cost_usd"] > 0
    assert session.ledger.reserved_usd == 0


async def test_retry_after_is_honoured(ask: Any, mock: Any) -> None:
    """A provider that asks for more than `max_delay_ms` is not asked again; for none, at once."""
    mock.rate_limit(retry_after=0, times=1)
    await ask("complete", "Hi", AGAIN)
    assert len(mock.requests) == 2
    mock.reset().rate_limit(retry_after=60, times=None)
    with pytest.raises(RateLimitError, match="wait 60 s"):
        await ask("complete", "Hi", AGAIN)
    assert len(mock.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_an_error_that_stays_is_not_tried_again(ask: Any, mock: Any, status: int) -> None:
    """The same request would fail the same way."""
    mock.fail(status, times=None)
    with pytest.raises(ProviderError):
        await ask("complete", "Hi", AGAIN)
    assert len(mock.requests) == 1


async def test_embeddings_are_tried_again_too(ask: Any, mock: Any) -> None:
    """And only when asked: litellm's own retries are off."""
    mock.fail(500, times=None)
    with pytest.raises(ProviderError):
        await ask("embed", "Hi")
    assert len(mock.requests) == 1
    mock.reset().fail(500, times=1)
    await ask("embed", "Hi", AGAIN)
    assert len(mock.requests) == 2


async def test_a_stream_is_tried_again_before_its_first_piece(
    pull: Any, mock: Any, session: Session
) -> None:
    """Nothing was handed out yet, so nothing is handed out twice."""
    mock.reply("one two").fail(503, times=1)
    *pieces, _ = await pull("Hi", AGAIN)
    assert "".join(pieces) == "one two"
    assert len(mock.requests) == 2
    assert session.ledger.reserved_usd == 0


async def test_a_stream_that_breaks_later_is_not_tried_again(pull: Any, mock: Any) -> None:
    """Its first words are with the script already: neither again nor by another model."""
    mock.disconnect(after_chunks=2)
    with pytest.raises(NetworkError):
        await pull("Hi", {**AGAIN, **OTHER})
    assert len(mock.requests) == 1


async def test_the_host_sets_a_default(mock: Any, settings: dict[str, Any], opened: Any) -> None:
    """`max_retries` of a provider; what the script says wins over it."""
    settings["providers"]["openai"]["max_retries"] = 1
    session = await opened(settings)
    mock.rate_limit(retry_after=0, times=1)
    await call(session, "llm", "complete", ["Hi"])
    assert len(mock.requests) == 2
    mock.reset().fail(503, times=None)
    with pytest.raises(ProviderError):
        await call(session, "llm", "complete", ["Hi", {"retry": {"max_attempts": 1}}])
    assert len(mock.requests) == 1


@pytest.mark.parametrize(
    "retry", [{"max_attempts": 0}, {"base_delay_ms": -1}, {"on": ["nonsense"]}, {"attempts": 3}]
)
async def test_a_wrong_policy_is_named(ask: Any, mock: Any, retry: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(ValidationError, match=r"bad argument `retry"):
        await ask("complete", "Hi", {"retry": retry})
    assert mock.requests == []


@pytest.mark.parametrize("status", [404, 429, 500])
async def test_another_model_is_asked_where_it_may_help(ask: Any, mock: Any, status: int) -> None:
    """The answer says who gave it, and what failed before."""
    mock.reply("Yes").fail(status, times=1)
    answer = await ask("complete", "Hi", OTHER)
    assert [r.body["model"] for r in mock.requests] == ["gpt-4o", "gpt-4o-mini"]
    assert answer.fields["model"] == "openai/gpt-4o-mini"
    (failed,) = answer.fields["metadata"]["failed"]
    assert failed["model"] == "openai/gpt-4o"
    assert failed["kind"] in {"model_not_found", "rate_limit", "provider"}


async def test_a_longer_context_may_help(ask: Any, mock: Any) -> None:
    """Here it does not: the last error is raised, and knows those before."""
    mock.context_overflow(times=None)
    with pytest.raises(ContextWindowError) as caught:
        await ask("complete", "Hi", OTHER)
    assert len(mock.requests) == 2
    assert caught.value.model == "openai/gpt-4o-mini"
    assert [it["model"] for it in caught.value.details["failed"]] == ["openai/gpt-4o"]  # type: ignore[union-attr,index,call-overload] # a list of records


async def test_a_wrong_key_is_not_hidden_by_another_model(ask: Any, mock: Any) -> None:
    """That is for the user to mend."""
    mock.fail(401, times=None)
    with pytest.raises(AuthenticationError):
        await ask("complete", "Hi", OTHER)
    assert len(mock.requests) == 1


async def test_a_model_is_tried_again_before_the_next_is_asked(ask: Any, mock: Any) -> None:
    """First patience, then another."""
    mock.fail(503, times=3)
    answer = await ask("complete", "Hi", {**AGAIN, **OTHER})
    assert [r.body["model"] for r in mock.requests] == [*["gpt-4o"] * 3, "gpt-4o-mini"]
    assert answer.fields["metadata"]["failed"][0]["kind"] == "provider"


async def test_a_stream_can_come_from_another_model(pull: Any, mock: Any) -> None:
    """Its end says so."""
    mock.reply("one two").fail(500, times=1)
    *pieces, end = await pull("Hi", OTHER)
    assert "".join(pieces) == "one two"
    assert end.fields["model"] == "openai/gpt-4o-mini"
    assert end.fields["metadata"]["failed"][0]["model"] == "openai/gpt-4o"


async def test_every_fallback_must_be_permitted(bridge: LlmBridge, mock: Any) -> None:
    """It is refused before the first model is asked, not in the moment of need."""
    permissions = Permissions(model=("openai/gpt-4o",))
    session = Session(bridges={"llm": bridge}, permissions=permissions)
    with pytest.raises(PermissionDeniedError, match="--allow-model=openai/gpt-4o-mini"):
        await call(session, "llm", "complete", ["Hi", OTHER])
    assert mock.requests == []


async def test_an_unknown_fallback_is_the_last_error(ask: Any, mock: Any) -> None:
    """With what the first one failed with."""
    mock.fail(500, times=None)
    with pytest.raises(ModelNotFoundError, match="gpt-4x") as caught:
        await ask("complete", "Hi", {"fallbacks": ["gpt-4x"]})
    assert "failed" in caught.value.details
