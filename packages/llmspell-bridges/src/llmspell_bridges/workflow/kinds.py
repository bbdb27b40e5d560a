"""The kinds of workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from llmspell_bridges.workflow.flow import (
    Checkpoint,
    Concurrency,
    Flow,
    InputSchema,
    KeptFlow,
    Name,
    Output,
    Text,
    Timeout,
)
from llmspell_bridges.workflow.near import MOST_ERRORS, near
from llmspell_bridges.workflow.order import ancestors, cycle, unreachable
from llmspell_bridges.workflow.reactive_flow import Reactive, StopWhen
from llmspell_bridges.workflow.step import condition

if TYPE_CHECKING:
    from llmspell_bridges.workflow.step import Step

Aggregate = Annotated[Any, "`map`, `list`, a template, or a function of the inputs and the steps"]
Iterations = Annotated[Annotated[int, Meta(ge=1, le=10_000)], "The most rounds"]
_BY_NAME = ("list", "map")
MAX_NEEDS = 20_000
"""How many arrows a graph may have."""


class Sequential(KeptFlow):
    """Steps one after the other, each seeing those before it."""

    name = "sequential"

    def __init__(  # noqa: D107 - the class says it
        self,
        name: Name,
        *,
        description: Text = None,
        output: Output = None,
        input_schema: InputSchema = None,
        checkpoint: Checkpoint = False,
        timeout_s: Timeout = None,
    ) -> None:
        self._take(
            title=name,
            description=description,
            output=output,
            input_schema=input_schema,
            checkpoint=checkpoint,
            timeout_s=timeout_s,
        )

    def sees(self, step: Step) -> set[str]:
        """Name the steps before it."""
        return {each.name for each in self.added[: self.place(step)]}

    def before(self, step: Step) -> list[str]:
        """Name the step before it."""
        index = self.place(step)
        return [self.added[index - 1].name] if index else []


class Parallel(KeptFlow):
    """Steps that run at once."""

    name = "parallel"

    def __init__(  # noqa: D107 - the class says it
        self,
        name: Name,
        *,
        description: Text = None,
        aggregate: Aggregate = None,
        max_concurrency: Concurrency = None,
        input_schema: InputSchema = None,
        checkpoint: Checkpoint = False,
        timeout_s: Timeout = None,
    ) -> None:
        self._take(
            title=name,
            description=description,
            aggregate=aggregate,
            max_concurrency=max_concurrency,
            input_schema=input_schema,
            checkpoint=checkpoint,
            timeout_s=timeout_s,
        )
        if isinstance(aggregate, str) and aggregate not in _BY_NAME:
            self.output = aggregate

    def sees(self, step: Step) -> set[str]:  # noqa: ARG002 - it is the same for all
        """Name no step: they run at once."""
        return set()

    def before(self, step: Step) -> list[str]:  # noqa: ARG002 - as above
        """Name no step: each is given the workflow's inputs."""
        return []

    def flaws(self) -> list[str]:
        """Say what `aggregate` may be."""
        if self.aggregate is None or callable(self.aggregate):
            return []
        if isinstance(self.aggregate, str) and (
            self.aggregate in _BY_NAME or "{{" in self.aggregate
        ):
            return []
        return ['`aggregate` is "map", "list", a template, or a function']


class Conditional(KeptFlow):
    """Branches, of which the first whose `when` holds is taken."""

    name = "conditional"

    def __init__(  # noqa: D107 - the class says it
        self,
        name: Name,
        *,
        description: Text = None,
        output: Output = None,
        input_schema: InputSchema = None,
        checkpoint: Checkpoint = False,
        timeout_s: Timeout = None,
    ) -> None:
        self._take(
            title=name,
            description=description,
            output=output,
            input_schema=input_schema,
            checkpoint=checkpoint,
            timeout_s=timeout_s,
        )

    def sees(self, step: Step) -> set[str]:  # noqa: ARG002 - it is the same for all
        """Name no step: only one runs."""
        return set()

    def before(self, step: Step) -> list[str]:  # noqa: ARG002 - as above
        """Name no step: a branch is given the workflow's inputs."""
        return []

    def flaws(self) -> list[str]:
        """Say what each branch needs."""
        found = [
            f"the branch `{step.name[:80]}` needs a `when`, or `otherwise = true`"
            for step in self.added
            if step.when is None and not step.otherwise
        ]
        found += [
            f"the branch `{step.name[:80]}` has both `when` and `otherwise`"
            for step in self.added
            if step.when is not None and step.otherwise
        ]
        if sum(step.otherwise for step in self.added) > 1:
            found.append("only one branch can be `otherwise`")
        return found


class Loop(KeptFlow):
    """Steps that are repeated until a condition holds."""

    name = "loop"

    def __init__(  # noqa: D107 - the class says it
        self,
        name: Name,
        *,
        stop_when: StopWhen = None,
        max_iterations: Iterations = 10,
        description: Text = None,
        output: Output = None,
        input_schema: InputSchema = None,
        checkpoint: Checkpoint = False,
        timeout_s: Timeout = None,
    ) -> None:
        self._take(
            title=name,
            stop_when=condition(stop_when, "stop_when", "workflow.loop"),
            max_iterations=max_iterations,
            description=description,
            output=output,
            input_schema=input_schema,
            checkpoint=checkpoint,
            timeout_s=timeout_s,
        )

    def sees(self, step: Step) -> set[str]:  # noqa: ARG002 - it is the same for all
        """Name all steps: those that come later ended in the round before."""
        return {each.name for each in self.added}

    def before(self, step: Step) -> list[str]:
        """Name the step before it; the first is given the workflow's inputs in each round."""
        index = self.place(step)
        return [self.added[index - 1].name] if index else []


class Dag(KeptFlow):
    """A graph: each step runs as soon as all that it needs have ended."""

    name = "dag"
    _ancestors: dict[str, set[str]] | None = None

    def __init__(  # noqa: D107 - the class says it
        self,
        name: Name,
        *,
        description: Text = None,
        output: Output = None,
        max_concurrency: Concurrency = None,
        input_schema: InputSchema = None,
        checkpoint: Checkpoint = False,
        timeout_s: Timeout = None,
    ) -> None:
        self._take(
            title=name,
            description=description,
            output=output,
            max_concurrency=max_concurrency,
            input_schema=input_schema,
            checkpoint=checkpoint,
            timeout_s=timeout_s,
        )

    def sees(self, step: Step) -> set[str]:
        """Name the steps that it needs, and what those need."""
        if self._ancestors is None:
            self._ancestors = ancestors({each.name: each.needs or [] for each in self.added})
        return self._ancestors.get(step.name, set())

    def before(self, step: Step) -> list[str]:
        """Name the steps that it needs."""
        return step.needs or []

    def flaws(self) -> list[str]:
        """Find needs that are no steps, and steps that would wait for each other."""
        if sum(len(step.needs or ()) for step in self.added) > MAX_NEEDS:
            return [f"its steps need more than {MAX_NEEDS} others"]
        names = dict.fromkeys(step.name for step in self.added)
        missing = [
            (it.name, need) for it in self.added for need in it.needs or () if need not in names
        ]
        found = [
            f"`{name[:80]}` needs `{need[:80]}`, which is no step{near(need, names)}"
            for name, need in missing[:MOST_ERRORS]
        ]
        needs = {step.name: step.needs or [] for step in self.added}
        circle = cycle(needs)
        if circle:
            found.append(f"these steps wait for each other: {' → '.join(circle[:20])}")
        found += [
            f"`{name[:80]}` can never run: it waits for `{stuck[:80]}`"
            for name, stuck in list(unreachable(needs, circle).items())[:MOST_ERRORS]
        ]
        return found


KINDS: tuple[type[Flow], ...] = (Sequential, Parallel, Conditional, Loop, Dag, Reactive)


__all__ = ["KINDS", "Conditional", "Dag", "Loop", "Parallel", "Reactive", "Sequential"]
