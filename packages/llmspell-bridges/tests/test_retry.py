"""The one policy for trying again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from llmspell_bridges.retry import RetryPolicy, run
from llmspell_core import BudgetError, LlmspellError, NetworkError, RateLimitError, ValidationError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """asyncio, as everywhere."""
    return "asyncio"


class Flaky:
    """Raises the errors it was given, then answers; the waits between are kept, not waited."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.waits: list[float] = []

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def run(self, **policy: Any) -> str:
        return await run(RetryPolicy(jitter=False, **policy), self, sleep=self.sleep)


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        ("exponential", [0.1, 0.2, 0.35]),
        ("linear", [0.1, 0.2, 0.3]),
        ("constant", [0.1, 0.1, 0.1]),
    ],
)
async def test_the_wait_grows_as_the_policy_says(backoff: str, waits: list[float]) -> None:
    """Up to the longest."""
    flaky = Flaky(*[NetworkError("gone")] * 3)
    policy = {"max_attempts": 4, "base_delay_ms": 100, "max_delay_ms": 350, "backoff": backoff}
    assert await flaky.run(**policy) == "done"
    assert flaky.waits == pytest.approx(waits)


def test_jitter_takes_up_to_half_away() -> None:
    """Calls that failed together do not come back together."""
    waits = {RetryPolicy(base_delay_ms=1000).delay_s(1) for _ in range(20)}
    assert len(waits) > 1
    assert all(0.5 <= wait <= 1 for wait in waits)


async def test_the_last_error_is_raised_with_the_number_of_attempts() -> None:
    """As it was, so that a script can branch on it."""
    flaky = Flaky(*[NetworkError("gone")] * 5)
    with pytest.raises(NetworkError, match="gone") as caught:
        await flaky.run(max_attempts=3)
    assert flaky.calls == 3
    assert caught.value.details["attempts"] == 3


async def test_a_wait_that_was_asked_for_is_kept() -> None:
    """Retry-After is longer than the policy's own wait: it counts."""
    flaky = Flaky(RateLimitError("slow down", retry_after_s=7.0))
    await flaky.run(base_delay_ms=1)
    assert flaky.waits == [7.0]


async def test_a_wait_beyond_the_longest_is_not_begun() -> None:
    """Coming back too early is no use: the error is the caller's at once."""
    flaky = Flaky(RateLimitError("slow down", retry_after_s=60.0))
    with pytest.raises(RateLimitError):
        await flaky.run(max_delay_ms=30_000)
    assert (flaky.calls, flaky.waits) == (1, [])


@pytest.mark.parametrize(
    "error",
    [
        ValidationError("wrong"),
        BudgetError("spent", retryable=True, budget="cost_usd"),
        LlmspellError("no"),
        RuntimeError("a mistake"),
    ],
)
async def test_what_does_not_pass_is_raised_at_once(error: Exception) -> None:
    """A budget that is spent stays so, whatever is said of it."""
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        await flaky.run()
    assert flaky.calls == 1


async def test_on_names_the_only_kinds_to_try_again() -> None:
    """A broken line is not a rate limit."""
    flaky = Flaky(RateLimitError("slow down"), NetworkError("gone"))
    with pytest.raises(NetworkError):
        await flaky.run(on=["rate_limit"])
    assert flaky.calls == 2


async def test_the_caller_may_decide_what_is_worth_another_try() -> None:
    """For functions whose errors say nothing of it."""
    flaky = Flaky(LlmspellError("once"))
    policy = RetryPolicy(jitter=False)
    assert await run(policy, flaky, may_retry=lambda _: True, sleep=flaky.sleep) == "done"


def test_an_unknown_kind_of_error_is_named() -> None:
    """With the nearest one."""
    with pytest.raises(msgspec.ValidationError, match="did you mean `rate_limit`"):
        msgspec.convert({"on": ["rate-limit"]}, RetryPolicy)
