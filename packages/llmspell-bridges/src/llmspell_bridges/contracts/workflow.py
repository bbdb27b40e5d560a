"""The bridge `workflow` keeps the contract of bridges: the real langgraph, steps that are functions."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.workflow import WorkflowBridge
from llmspell_bridges.workflow.kinds import KINDS
from llmspell_core import ScriptRuntimeError
from llmspell_testkit import BridgeContract, BridgeWorld, BuilderExample, Fault, Slow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmspell_testkit.bridge.lab import Run

_FUNCTION = "function(inputs) return inputs end"
_STEP = ("add_step", {"name": "first", "run": _FUNCTION})
_SECOND = ("add_step", {"name": "second", "run": _FUNCTION})


class Steps:
    """What the functions of the steps do: return what they get, fail, or wait."""

    def __init__(self) -> None:
        """Return what is given, at first."""
        self.does = ""
        self.reached = False

    async def run(self, inputs: Any, *_: Any) -> Any:
        """Do it."""
        if self.does == "fail":
            raise ScriptRuntimeError("no owls today")
        if self.does == "wait":
            self.reached = True
            await asyncio.get_running_loop().create_future()
        return inputs

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Do something else for a while: ``fail`` or ``wait``."""
        self.does = what
        try:
            yield
        finally:
            self.does = ""


_WAIT = Slow(
    broken=lambda world: world.data.doing("wait"), reached=lambda world: world.data.reached
)


def _flow(*steps: tuple[str, dict[str, Any]], **options: Any) -> BuilderExample:
    return BuilderExample(args={"name": "flow", **options}, steps=steps)


class WorkflowContract(BridgeContract):
    """Every method of every kind of workflow."""

    bridge = WorkflowBridge
    builders = {  # noqa: RUF012 - a setting of the contract
        "sequential": _flow(_STEP, _SECOND, checkpoint=True),
        # two would end in either order
        "parallel": _flow(_STEP, checkpoint=True),
        "conditional": _flow(("add_step", {**_STEP[1], "otherwise": True}), checkpoint=True),
        "loop": _flow(_STEP, max_iterations=2, checkpoint=True),
        "dag": _flow(_STEP, ("add_step", {**_SECOND[1], "needs": ["first"]}), checkpoint=True),
        "reactive": _flow(("add_step", {**_STEP[1], "on": {"every_ms": 5}}), max_events=1),
    }

    faults = {  # noqa: RUF012 - as above
        f"{kind}-step-fails": Fault(
            method=f"{kind}.run",
            broken=lambda world: world.data.doing("fail"),
            kind="workflow",
        )
        for kind in ("sequential", "parallel", "conditional", "loop", "dag")
    }
    slow = {  # noqa: RUF012 - as above
        f"{kind.name}.{method}": _WAIT for kind in KINDS for method in ("run", "run_with_progress")
    }

    @pytest.fixture
    def bridge_world(self, tmp_path: Path) -> BridgeWorld:
        """Keep a run that can be resumed, in a folder of its own."""
        kept: dict[str, dict[str, str]] = {}

        async def prepare(run: Run) -> None:
            for kind in KINDS if not kept else ():
                answer = await run.call(f"{kind.name}.run", run.built(kind), {})
                kept[f"{kind.name}.resume"] = {"…": answer.get("id", "")}  # reactive keeps none

        settings = {"checkpoints": str(tmp_path / "checkpoints.sqlite3")}
        steps = Steps()
        return BridgeWorld(
            function=steps.run,
            data=steps,
            settings=settings,
            stand_ins_of=kept,
            prepare=prepare,
            own=(str(tmp_path),),
        )
