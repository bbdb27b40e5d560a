"""The chain of calls that leads to a member, with the values of each; and what it needs of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from llmspell_core.bridge import Handle
from llmspell_core.values import HandleRef
from llmspell_testkit.bridge.lab import SCRIPT_FUNCTION, handles_of
from llmspell_testkit.bridge.members import handles_in, is_stream, spread
from llmspell_testkit.bridge.speak import Build, CallChain, Key, Step
from llmspell_testkit.bridge.world import stood_in

if TYPE_CHECKING:
    from llmspell_testkit.bridge.lab import Lab, Run
    from llmspell_testkit.bridge.members import Member


def gives(member: Member) -> Literal["value", "items", "nothing"]:
    """Say what a script can give back of what the member answers: no object of the host."""
    if member.method.streams:
        return "items"
    hint = member.method.returns
    if hint is Handle or any(handles_in(hint)) or is_stream(hint):
        return "nothing"
    return "value"


def needed(lab: Lab, member: Member) -> set[str]:
    """Name the capabilities that a script needs to call a member, as its metadata shows."""
    found = set()
    chain = [*member.via, member]
    if any(each.method.streams or is_stream(each.method.returns) for each in chain):
        found.add("streams")
    if member.via or (gives(member) == "nothing" and not is_stream(member.method.returns)):
        found.add("handles")
    builder = chain[0].builder
    if builder:
        found.add("builders")
    composed = lab.contract.builders.get(builder.name) if builder else None
    if SCRIPT_FUNCTION in repr([*(lab.given(each) for each in chain), composed]):
        found.add("callbacks")
    return found


async def chain_to(run: Run, member: Member) -> tuple[CallChain, list[list[Any]]]:
    """Write the examples that lead to a member as a chain, and the values of each call.

    Raises:
        LlmspellError: one of them failed.
    """
    steps, sent = await _way(run, member)
    build, built = _build(run.lab, member)
    chain = CallChain(bridge=run.bridge.name, build=build, steps=tuple(steps), gives=gives(member))
    return chain, [*built, *sent]


async def _way(run: Run, member: Member) -> tuple[list[Step], list[list[Any]]]:
    """Find the calls that lead to a member, and where each gives the handle of the next."""
    steps: list[Step] = []
    sent: list[list[Any]] = []
    path: tuple[Key, ...] = ()
    chain = [*member.via, member]
    for index, each in enumerate(chain):
        args = spread(each.method, run.lab.given(each))
        name = each.method.name
        steps.append(Step(method=name, count=len(args), path=path))
        sent.append(args)
        if index + 1 < len(chain):
            outcome = await run.example(each)
            wanted = getattr(chain[index + 1].owner, "type_name", "")
            path = _path_to(outcome.value, wanted) or ()
    return steps, sent


def _path_to(value: Any, type_name: str) -> tuple[Key, ...] | None:
    if isinstance(value, HandleRef):
        return () if value.type == type_name else None
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        if any(ref.type == type_name for ref in handles_of(item)):
            inner = _path_to(item, type_name)
            return None if inner is None else (key, *inner)
    return None


def _build(lab: Lab, member: Member) -> tuple[Build | None, list[list[Any]]]:
    builder = (member.via[0] if member.via else member).builder
    if builder is None:
        return None, []
    example = lab.contract.builders.get(builder.name)
    args, steps = ({}, ()) if example is None else (example.args, example.steps)
    stand_ins = lab.world.stand_ins
    made = spread(builder.create_method(), stood_in(dict(args), stand_ins))
    recorded = [
        (name, spread(builder.step_method(name), stood_in(dict(given), stand_ins)))
        for name, given in steps
    ]
    build = Build(
        name=builder.name,
        count=len(made),
        steps=tuple((name, len(values)) for name, values in recorded),
    )
    return build, [made, *(values for _, values in recorded)]
