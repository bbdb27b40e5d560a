"""How a workflow ends before its end: cancelled, left, out of time or of budget."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import BudgetError, LimitError, Limits, PermissionDeniedError, WorkflowError
from llmspell_core.dispatch import call

pytestmark = pytest.mark.anyio


async def hangs(*_: Any) -> None:
    """Wait for ever."""
    await asyncio.get_running_loop().create_future()


def left_behind(before: set[asyncio.Task[Any]]) -> list[str]:
    """List the tasks of workflows and graphs that were not there before."""
    tasks = [task for task in asyncio.all_tasks() - before if not task.done()]
    places = [frame.f_code.co_filename for task in tasks for frame in task.get_stack()]
    return [place for place in places if "workflow" in place or "langgraph" in place]


@pytest.mark.parametrize("kind", ["parallel", "dag"])
async def test_cancelling_closes_the_requests_of_all_steps(
    quiet_lab: Any, silent: Any, kind: str
) -> None:
    """In the middle of a parallel step: no connection, no task and no reservation is left."""
    lab = quiet_lab
    agent = await lab.agent()
    steps = [{"name": f"s{i}", "agent": agent, "prompt": "Hi"} for i in range(3)]
    steps.append({"name": "hangs", "run": hangs})
    before = asyncio.all_tasks()
    running = asyncio.ensure_future(lab.run(lab.flow(kind, *steps)))
    await silent.until(asked=3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await silent.until(left=3)
    assert lab.session.ledger.pending == 0
    assert lab.session.ledger.reserved_usd == 0
    assert left_behind(before) == []


@pytest.mark.parametrize("kind", ["parallel", "dag"])
async def test_a_step_that_fails_cancels_those_beside_it(
    quiet_lab: Any, silent: Any, kind: str
) -> None:
    """Their connections are closed, and what had finished is told."""
    lab = quiet_lab
    agent = await lab.agent()

    async def fails(*_: Any) -> None:
        await silent.until(asked=1)
        raise WorkflowError("no")

    flow = lab.flow(
        kind,
        {"name": "quick", "run": lambda *_: 1},
        {"name": "asks", "agent": agent, "prompt": "Hi"},
        {"name": "fails", "run": fails},
    )
    with pytest.raises(WorkflowError, match="the step `fails` failed: no") as error:
        await lab.run(flow)
    await silent.until(left=1)
    assert lab.session.ledger.pending == 0
    steps: Any = error.value.details["steps"]
    assert steps["quick"]["output"] == 1
    assert "asks" not in steps


async def test_leaving_the_progress_ends_the_workflow(quiet_lab: Any, silent: Any) -> None:
    """No connection and no task is left."""
    lab = quiet_lab
    agent = await lab.agent()
    before = asyncio.all_tasks()
    flow = lab.flow("sequential", {"name": "a", "agent": agent, "prompt": "Hi"})
    stream = await lab.ask(flow, "run_with_progress")
    await call(lab.session, stream.id, "next", [1])
    await silent.until(asked=1)
    await lab.session.handles.release(stream.id)
    await silent.until(left=1)
    assert lab.session.ledger.pending == 0
    assert left_behind(before) == []


async def test_a_budget_ends_the_run_through_every_workflow(labs: Any) -> None:
    """Neither `continue` nor a fallback, neither a retry nor an outer workflow keeps it from that."""
    lab = labs()
    lab.session.ledger.usage.llm_calls = 20
    agent = await lab.agent()
    policy = {"max_attempts": 5, "base_delay_ms": 1}
    asks = {"name": "asks", "agent": agent, "prompt": "Hi", "retry": policy}
    inner = lab.flow("parallel", {**asks, "on_error": "continue"})
    flow = lab.flow(
        "sequential",
        {"name": "inner", "workflow": inner, "on_error": "fallback", "fallback": 1},
        {"name": "after", "run": lambda *_: 1},
    )
    with pytest.raises(BudgetError):
        await lab.run(flow)
    assert isinstance(lab.session.fatal, BudgetError)


async def test_a_limit_ends_the_run(lab: Any) -> None:
    """Whatever the step says of errors."""
    lab.session.limits = Limits(callbacks_at_once=1)
    flow = lab.flow(
        "parallel",
        {"name": "a", "run": hangs, "on_error": "continue"},
        {"name": "b", "run": hangs, "on_error": "continue"},
    )
    with pytest.raises(LimitError):
        await lab.run(flow)


async def test_a_refused_model_is_a_refusal(labs: Any) -> None:
    """Not an error of the workflow: whoever started the spell can grant it."""
    from llmspell_core import Permissions

    lab = labs(permissions=Permissions(model=("local/*",)))
    agent = await lab.agent()
    flow = lab.flow("sequential", {"name": "a", "agent": agent, "prompt": "Hi"})
    with pytest.raises(PermissionDeniedError, match="--allow-model=openai/gpt-4o"):
        await lab.run(flow)


async def test_a_question_stops_the_clocks(lab: Any) -> None:
    """While a person thinks, neither the step's time nor the workflow's goes by."""

    async def asks(*_: Any) -> int:
        with lab.session.hold():
            await asyncio.sleep(0.2)
        return 1

    step = {"name": "a", "run": asks, "timeout_s": 0.1}
    result = await lab.run(lab.flow("sequential", step, timeout_s=0.15))
    assert result["output"] == 1


async def test_a_step_that_is_too_slow_is_cancelled(lab: Any) -> None:
    """And may be tried again."""
    tries: list[int] = []

    async def slow_at_first(*_: Any) -> int:
        tries.append(1)
        if len(tries) == 1:
            await hangs()
        return len(tries)

    policy = {"max_attempts": 2, "base_delay_ms": 1}
    step = {"name": "a", "run": slow_at_first, "timeout_s": 0.05, "retry": policy}
    assert (await lab.run(lab.flow("sequential", step)))["output"] == 2


async def test_what_a_retry_cannot_help_is_not_tried_again(lab: Any) -> None:
    """Arguments that do not fit, a model that does not exist: they will not pass."""
    tries: list[int] = []

    def wrong(*_: Any) -> None:
        tries.append(1)
        raise PermissionDeniedError("no")

    policy = {"max_attempts": 5, "base_delay_ms": 1}
    with pytest.raises(PermissionDeniedError):
        await lab.run(lab.flow("sequential", {"name": "a", "run": wrong, "retry": policy}))
    assert len(tries) == 1


async def test_only_the_kinds_that_are_named_are_tried_again(lab: Any) -> None:
    """`on` narrows the policy."""
    tries: list[int] = []

    def fails(*_: Any) -> None:
        tries.append(1)
        raise WorkflowError("no")

    policy = {"max_attempts": 3, "base_delay_ms": 1, "on": ["network"]}
    with pytest.raises(WorkflowError):
        await lab.run(lab.flow("sequential", {"name": "a", "run": fails, "retry": policy}))
    assert len(tries) == 1


async def test_a_failing_when_is_the_steps_failure(lab: Any) -> None:
    """It is treated as its strategy says, and is not taken for a no."""

    def asks(*_: Any) -> bool:
        raise WorkflowError("who knows")

    step = {"name": "a", "when": asks, "run": hangs, "on_error": "continue"}
    record = (await lab.run(lab.flow("sequential", step)))["steps"]["a"]
    assert (record["status"], record["error"]["message"]) == ("failed", "who knows")
