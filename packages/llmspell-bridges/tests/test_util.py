"""The bridge `util`: what is tried again for a script, and what is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

# tests are imported by file, and share this one
sys.path.insert(0, str(Path(__file__).parent))

from script_side import ScriptSide

from llmspell_bridges.tools import ToolsBridge
from llmspell_bridges.util import UtilBridge
from llmspell_core import (
    CancelledSpellError,
    LimitError,
    LlmspellError,
    NetworkError,
    PermissionDeniedError,
    RateLimitError,
    ScriptRuntimeError,
    Session,
    ValidationError,
)
from llmspell_core.dispatch import call
from llmspell_core.values import HandleRef

pytestmark = pytest.mark.anyio
QUICK = {"max_attempts": 3, "base_delay_ms": 0.01, "max_delay_ms": 5}


@pytest.fixture
def anyio_backend() -> str:
    """asyncio, as everywhere."""
    return "asyncio"


class Failing:
    """A script's function that raises each of its errors once, then answers."""

    def __init__(self, *errors: LlmspellError, answer: Any = "done") -> None:
        self.errors, self.answer, self.calls = list(errors), answer, 0
        self.script = ScriptSide(Session(bridges={"util": UtilBridge(), "tools": ToolsBridge()}))

    async def retry(self, **policy: Any) -> Any:
        def function(*_: Any) -> Any:
            self.calls += 1
            if self.errors:
                raise self.errors.pop(0)
            return self.answer

        self.script.session.invoker = lambda _, args: _later(function, args)
        number = self.script.function(function)
        return await call(self.script.session, "util", "retry", [{**QUICK, **policy}, number])


async def _later(function: Any, args: Any) -> Any:
    return function(*args)


@pytest.mark.parametrize(
    "error", [ScriptRuntimeError("x"), NetworkError("gone"), RateLimitError("slow")]
)
async def test_what_may_pass_is_tried_again(error: LlmspellError) -> None:
    """What a script raises itself may, too."""
    failing = Failing(error, error)
    assert await failing.retry() == "done"
    assert failing.calls == 3


async def test_the_last_error_counts_the_attempts() -> None:
    """It is raised as it is."""
    failing = Failing(*[NetworkError(f"gone {n}") for n in range(9)])
    with pytest.raises(NetworkError, match="gone 2") as caught:
        await failing.retry()
    assert caught.value.details["attempts"] == 3


@pytest.mark.parametrize("on", [None, ["permission", "cancelled", "limit"]])
@pytest.mark.parametrize(
    "error", [PermissionDeniedError("no"), CancelledSpellError("over"), LimitError("much")]
)
async def test_a_refusal_is_raised_at_once(error: LlmspellError, on: list[str] | None) -> None:
    """And what ends the run, whatever `on` names."""
    failing = Failing(error)
    with pytest.raises(type(error)):
        await failing.retry(on=on)
    assert failing.calls == 1


@pytest.mark.parametrize(("on", "calls"), [(None, 1), (["validation"], 2), (["network"], 1)])
async def test_on_names_what_is_tried_again(on: list[str] | None, calls: int) -> None:
    """Also what is not marked as retryable."""
    failing = Failing(ValidationError("wrong"))
    try:
        assert await failing.retry(on=on) == "done"
    except ValidationError:
        assert on != ["validation"]
    assert failing.calls == calls


async def test_who_asks_for_too_long_a_wait_is_not_waited_for() -> None:
    """The error is raised at once."""
    failing = Failing(RateLimitError("slow down", retry_after_s=3600))
    with pytest.raises(RateLimitError):
        await failing.retry()
    assert failing.calls == 1


async def test_an_object_comes_back_as_itself() -> None:
    """Also within a table."""
    failing = Failing()
    session = failing.script.session
    handler = failing.script.function(print)
    made = await call(session, "tools", "define", [{"name": "x", "handler": handler}])
    failing.answer = {"tool": [HandleRef(made.id)]}  # type: ignore[union-attr]  # a handle's number
    assert (await failing.retry())["tool"] == [made]
