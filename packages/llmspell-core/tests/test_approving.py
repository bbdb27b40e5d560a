"""Asking whether one call of a tool may be made."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import Session
from llmspell_core.asking import ToolCall

pytestmark = pytest.mark.anyio
CALL = ToolCall(tool="mail", arguments='{"to": "Ada"}')


@pytest.mark.parametrize("yes", [True, False])
async def test_a_call_is_asked_about_and_nothing_is_granted(*, yes: bool) -> None:
    """The question names whose call it is, the tool and its arguments; the record tells of it."""
    questions: list[Any] = []
    events: list[dict[str, Any]] = []

    async def ask(question: Any) -> bool:
        questions.append(question)
        return yes

    session = Session(name="x.lua", ask=ask, recorder=events.append)
    assert session.asking is not None
    for _ in range(2):
        assert await session.asking.approve(CALL, "the agent `clerk`") is yes
    assert [question.call for question in questions] == [CALL, CALL]
    assert (questions[0].where, questions[0].wants) == ("the agent `clerk`", ())
    assert not session.permissions.some("tool")
    told = {"event": "approved", "tool": "mail", "call": "the agent `clerk`", "granted": yes}
    assert events == [told, told]


async def test_only_a_plain_yes_approves() -> None:
    """What a host's function gives besides is no approval."""

    async def ask(_: Any) -> Any:
        return "yes"

    session = Session(ask=ask)
    assert session.asking is not None
    assert not await session.asking.approve(CALL, "the agent")


async def test_the_clock_stands_still_meanwhile() -> None:
    """A person may think as long as they like."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def ask(_: Any) -> bool:
        asked.set()
        await answered.wait()
        return True

    holds: list[bool] = []
    session = Session(ask=ask)
    session.on_hold.append(holds.append)
    assert session.asking is not None
    approving = asyncio.ensure_future(session.asking.approve(CALL, "the agent"))
    await asked.wait()
    assert holds == [True]
    answered.set()
    assert await approving
    assert holds == [True, False]
