"""What a script can make the host do is bounded: steps, needs, names, schemas, outputs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from llmspell_bridges.workflow.data import MAX_BYTES
from llmspell_core import ValidationError, WorkflowError

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


def nothing(*_: Any) -> None:
    """Give nothing."""


async def test_steps_are_bounded(lab: Any) -> None:
    """A thousand, no more."""
    steps = [{"name": f"s{i}", "run": nothing} for i in range(1001)]
    with pytest.raises(ValidationError, match="at most 1000 steps"):
        await lab.run(lab.flow("sequential", *steps))


async def test_a_thousand_steps_are_no_matter(lab: Any) -> None:
    """Of any kind."""
    steps = [{"name": f"s{i}", "run": nothing} for i in range(1000)]
    for kind in ("sequential", "parallel"):
        result = await lab.run(lab.flow(kind, *steps))
        assert len(result["steps"]) == 1000


async def test_needs_are_bounded(lab: Any) -> None:
    """A graph of a thousand steps, each needing all others, is not looked at."""
    names = [f"s{i}" for i in range(1000)]
    steps = [{"name": name, "run": nothing, "needs": names} for name in names]
    found = await lab.ask(lab.flow("dag", *steps), "validate")
    assert found["errors"][0] == "its steps need more than 20000 others"


async def test_a_dense_graph_is_checked_in_a_moment(lab: Any) -> None:
    """As many needs as there may be, in processor time."""
    steps = [
        {"name": f"s{i}", "run": nothing, "needs": [f"s{j}" for j in range(max(0, i - 20), i)]}
        for i in range(1000)
    ]
    started = time.process_time()
    found = await lab.ask(lab.flow("dag", *steps), "validate")
    assert found["valid"]
    assert time.process_time() - started < 5


async def test_mistakes_are_bounded(lab: Any) -> None:
    """Comparing names takes a while: fifty mistakes are enough, and long names are not compared."""
    steps = [{"name": f"s{i}" + "x" * 50_000 * (i % 2), "tool": "y" * 50_000} for i in range(300)]
    started = time.process_time()
    found = await lab.ask(lab.flow("sequential", *steps), "validate")
    assert len(found["errors"]) == 50
    assert max(map(len, found["errors"])) < 2000
    assert time.process_time() - started < 5


async def test_what_steps_give_is_bounded(lab: Any) -> None:
    """All together: the step that gives too much fails."""
    steps = [{"name": f"s{i}", "run": lambda *_: "x" * (5 * MIB)} for i in range(5)]
    with pytest.raises(WorkflowError, match=rf"`s3` failed: .* more than {MAX_BYTES:,} bytes"):
        await lab.run(lab.flow("sequential", *steps))


async def test_what_inner_workflows_give_counts_too(lab: Any) -> None:
    """However deep they stand."""
    inner = lab.flow("parallel", {"name": "a", "run": lambda *_: "x" * (6 * MIB)})
    steps = [{"name": f"s{i}", "workflow": inner} for i in range(2)]
    with pytest.raises(WorkflowError, match="more than 16,777,216 bytes"):
        await lab.run(lab.flow("parallel", *steps))


async def test_a_loop_holds_its_newest_round_alone(lab: Any) -> None:
    """What was given before counts no more."""
    inner = lab.flow("sequential", {"name": "a", "run": lambda *_: "x" * MIB})
    step = {"name": "s", "workflow": inner}
    result = await lab.run(lab.flow("loop", step, max_iterations=20))
    assert result["iterations"] == 20


async def test_arguments_are_bounded(lab: Any) -> None:
    """A large value named many times does not fill the memory."""
    arguments = {f"a{i}": "{{big}} " for i in range(20)}
    step = {"name": "s", "tool": "none", "arguments": arguments}
    from llmspell_core.dispatch import call

    await call(lab.session, "tools", "define", [{"name": "none", "handler": lab.function(nothing)}])
    with pytest.raises(WorkflowError, match="together become longer"):
        await lab.run(lab.flow("sequential", step), {"big": "x" * MIB})


async def test_workflows_in_workflows_are_bounded(lab: Any) -> None:
    """Eight deep."""
    flow = lab.flow("sequential", {"name": "s", "run": nothing})
    for _ in range(10):
        flow = lab.flow("sequential", {"name": "s", "workflow": flow})
    found = await lab.ask(flow, "validate")
    assert "workflows stand in workflows more than 8 deep" in found["errors"]


async def test_names_in_all_templates_are_bounded(lab: Any) -> None:
    """Each takes half a millisecond to prepare."""
    agent = await lab.agent()
    steps = [
        {"name": f"s{i}", "agent": agent, "prompt": f"{i} " + "{{x}}" * 190} for i in range(11)
    ]
    found = await lab.ask(lab.flow("sequential", *steps), "validate")
    assert found["errors"] == ["its templates name more than 2000 values"]


async def test_schemas_are_bounded(lab: Any) -> None:
    """In time, and each in size."""
    large = {"properties": {f"p{i}": {"type": "string"} for i in range(20_000)}}
    flow = lab.flow("sequential", {"name": "s", "run": nothing, "output_schema": large})
    found = await lab.ask(flow, "validate")
    assert found["errors"] == ["the step `s`: `output_schema`: it is larger than 256 KiB"]
