"""The builder of reactive workflows; `reactive` runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from llmspell_bridges.workflow.flow import Flow, InputSchema, Name, Text, Timeout
from llmspell_bridges.workflow.near import MOST_ERRORS, near
from llmspell_bridges.workflow.order import cycle, unreachable
from llmspell_bridges.workflow.step import condition

if TYPE_CHECKING:
    from llmspell_bridges.workflow.step import Step

StopWhen = Annotated[Any, "A function of the inputs and the steps, or a condition: when to stop"]
Events = Annotated[Annotated[int, Meta(ge=1)] | None, "The most events to take"]


class Reactive(Flow):
    """Steps that run whenever what they watch changes: a file, a timer, a stream, a step."""

    name = "reactive"
    reactive = True

    def __init__(  # noqa: D107 - the class says it
        self,
        name: Name,
        *,
        stop_when: StopWhen = None,
        max_events: Events = None,
        description: Text = None,
        input_schema: InputSchema = None,
        timeout_s: Timeout = None,
    ) -> None:
        self._take(
            title=name,
            stop_when=condition(stop_when, "stop_when", "workflow.reactive"),
            max_events=max_events,
            description=description,
            input_schema=input_schema,
            timeout_s=timeout_s,
        )

    def sees(self, step: Step) -> set[str]:  # noqa: ARG002 - it is the same for all
        """Name all steps: each may have run before."""
        return {each.name for each in self.added}

    def before(self, step: Step) -> list[str]:  # noqa: ARG002 - as above
        """Name no step: each is given its event."""
        return []

    def flaws(self) -> list[str]:
        """Find steps that wait for nothing, and circles of steps that would never end."""
        names = dict.fromkeys(step.name for step in self.added)
        found = [f"the step `{it.name[:80]}` needs an `on`" for it in self.added if it.on is None]
        after = {it.name: [it.on.step] for it in self.added if it.on and it.on.step}
        missing = [(name, need) for name, (need,) in after.items() if need not in names]
        found += [
            f"`{name[:80]}` waits for `{need[:80]}`, which is no step{near(need, names)}"
            for name, need in missing[:MOST_ERRORS]
        ]
        needs = {name: after.get(name, []) for name in names}
        circle = cycle(needs)
        if circle:
            found.append(f"these steps set each other off: {' → '.join(circle[:20])}")
        found += [
            f"`{name[:80]}` can never run: it waits for `{stuck[:80]}`"
            for name, stuck in list(unreachable(needs, circle).items())[:MOST_ERRORS]
        ]
        return found
