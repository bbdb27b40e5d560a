"""What is wrong with a workflow, found before anything of it runs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools import ToolHandle, toolbox
from llmspell_bridges.workflow import importing
from llmspell_bridges.workflow.condition import Condition
from llmspell_bridges.workflow.found import Checked, TooManyError
from llmspell_bridges.workflow.near import near
from llmspell_bridges.workflow.schemas import compared, schema_flaw
from llmspell_bridges.workflow.step import RESERVED, name_flaw
from llmspell_core import Builder, Handle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llmspell_bridges.workflow.flow import Flow
    from llmspell_bridges.workflow.step import Step
    from llmspell_core import Session

MAX_DEPTH = 8
"""How deep workflows may stand in workflows."""
MAX_EXPRESSIONS = 2000
"""How many values all templates together may name: each takes half a millisecond to prepare."""
_SCHEMAS_S = 2.0
"""Processor time for the schemas of one workflow."""
_FIELDS = ("output", "status", "error", "duration_s", "usage", "cost_usd", "attempts", "steps")
"""What a step's record has."""
_BELONGS = {
    "prompt": "agent",
    "arguments": "tool",
    "inputs": "workflow",
}
_OF_WORKFLOWS = {"needs": "dag", "otherwise": "conditional", "on": "reactive"}


async def check(flow: Flow, session: Session, inputs: Mapping[str, Any] | None) -> Checked:
    """Look for everything that is wrong with a workflow and those in it."""
    found = Checked()
    with suppress(TooManyError):
        sources: dict[str, str] = {}
        _collect(flow, sources, found, 0)
        if sources:
            module = await importing.templates()
            # in a thread: the templates of a large workflow take a second
            await asyncio.to_thread(_compile, module, sources, found)
        _check(flow, session, inputs, found)
        if _has_schemas(flow):
            await asyncio.to_thread(_check_schemas, flow, found, time.thread_time)
    return found


def _has_schemas(flow: Flow) -> bool:
    return flow.input_schema is not None or any(
        it.input_schema or it.output_schema or (_is_flow(it.workflow) and _has_schemas(it.workflow))
        for it in flow.added
    )


def _collect(flow: Flow, sources: dict[str, str], found: Checked, depth: int) -> None:
    """Collect every text that is a template, and say where it stands."""
    if depth > MAX_DEPTH:
        found.error(f"workflows stand in workflows more than {MAX_DEPTH} deep")
        return
    if isinstance(flow.output, str):
        sources.setdefault(flow.output, f"the output of `{flow.title[:80]}`")
    for step in flow.added:
        for text in (*_texts(step.prompt), *_texts(step.arguments), *_texts(step.inputs)):
            sources.setdefault(text, f"the step `{step.name[:80]}`")
        if _is_flow(step.workflow):
            _collect(step.workflow, sources, found, depth + 1)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{" in value:
            yield str(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _compile(module: Any, sources: Mapping[str, str], found: Checked) -> None:
    count = 0
    for text, where in sources.items():
        try:
            made = module.Template(text)
        except module.BadTemplateError as error:
            found.error(f"{where}: bad template: {error}")
            continue
        count += len(made.names)
        if count > MAX_EXPRESSIONS:
            found.error(f"its templates name more than {MAX_EXPRESSIONS} values")
            return
        found.texts[text] = made


def _check(flow: Flow, session: Session, inputs: Mapping[str, Any] | None, found: Checked) -> None:
    names = [step.name for step in flow.added]
    flaw = name_flaw(flow.title)
    if flaw:
        found.error(flaw)
    if not flow.added:
        found.error(f"the workflow `{flow.title[:80]}` has no steps")
    for name, count in Counter(names).items():
        if count > 1:
            found.error(f"two steps are called `{name[:80]}`")
    for text in flow.flaws():
        found.error(text)
    for step in flow.added:
        _check_step(flow, step, session, inputs, found)
    _check_ends(flow, set(names), inputs, found)
    if flow.name == "conditional" and flow.added and not any(it.otherwise for it in flow.added):
        found.warnings.append(
            f"`{flow.title[:80]}` has no `otherwise`: it may take no branch at all"
        )
    shadowed = sorted({*(inputs or {})} & {*names})
    for name in shadowed:
        found.warnings.append(f"the input `{name}` cannot be seen: a step has its name")


def _check_ends(
    flow: Flow, names: set[str], inputs: Mapping[str, Any] | None, found: Checked
) -> None:
    if isinstance(flow.output, str) and flow.output in found.texts:
        _names(flow, flow.output, names, f"the output of `{flow.title[:80]}`", inputs, found)
    elif flow.output is not None and not isinstance(flow.output, str):
        found.error("`output` is a template, such as `{{report.output}}`")
    if isinstance(flow.stop_when, Condition):
        _condition(flow, flow.stop_when, names, "`stop_when`", found)


def _check_step(
    flow: Flow, step: Step, session: Session, inputs: Mapping[str, Any] | None, found: Checked
) -> None:
    where = f"the step `{step.name[:80]}`"
    flaw = name_flaw(step.name)
    if step.name in RESERVED:
        flaw = f"`{step.name}` is what templates call something else; choose another name"
    if flaw:
        found.error(flaw)
        return
    for text in (*_work(step, session), *_strangers(flow, step)):
        found.error(f"{where}: {text}")
    sees = flow.sees(step)
    for text in (*_texts(step.prompt), *_texts(step.arguments), *_texts(step.inputs)):
        if text in found.texts:
            _names(flow, text, sees, where, inputs, found)
    if isinstance(step.when, Condition):
        _condition(flow, step.when, sees, f"{where}: `when`", found)
    if _is_flow(step.workflow):
        inner = None if step.inputs is not None else inputs
        _check(step.workflow, session, inner, found)
        if step.workflow.reactive or step.workflow.checkpoint:
            what = "a reactive workflow" if step.workflow.reactive else "`checkpoint`"
            found.error(f"{where}: {what} cannot stand in another workflow")


def _strangers(flow: Flow, step: Step) -> Iterator[str]:
    """Say which arguments belong to other steps, and to other workflows."""
    for argument, kind in _BELONGS.items():
        if getattr(step, argument) is not None and step.kind not in {kind, "none"}:
            yield f"`{argument}` belongs to a step with `{kind}`"
    for argument, kind in _OF_WORKFLOWS.items():
        given = getattr(step, argument)
        if given is not None and given is not False and flow.name != kind:
            yield f"`{argument}` belongs to a step of workflow.{kind}"
    if step.on_error == "fallback" and step.fallback is None:
        yield '`on_error = "fallback"` needs a `fallback`'


def _work(step: Step, session: Session) -> Iterator[str]:
    """Say what is wrong with what the step does."""
    if step.kind == "none":
        yield "give it one of agent, tool, run and workflow"
    elif step.kind == "agent":
        if getattr(step.agent, "type_name", "") != "agent" or not isinstance(step.agent, Handle):
            yield "`agent` is an agent, made by `llm.agent`"
        if step.prompt is None:
            yield "an agent needs a `prompt`"
    elif step.kind == "tool":
        if isinstance(step.tool, str):
            known = toolbox(session).names()
            if step.tool not in known:
                yield f"unknown tool `{step.tool[:80]}`{near(step.tool, known)}"
        elif not isinstance(step.tool, ToolHandle):
            yield "`tool` is a tool's name, or a tool"
    elif step.kind == "workflow" and not _is_flow(step.workflow):
        yield "`workflow` is a workflow, made by `workflow.sequential` or another of its kinds"


def _names(  # noqa: PLR0917 - what a name is compared with
    flow: Flow,
    text: str,
    sees: set[str],
    where: str,
    inputs: Mapping[str, Any] | None,
    found: Checked,
) -> None:
    """Check the names in a template: steps that have ended by then, and inputs."""
    steps = {step.name for step in flow.added}
    template = found.texts[text]
    properties = (flow.input_schema or {}).get("properties")
    known = inputs if inputs is not None else properties if isinstance(properties, dict) else None
    for path in template.names:
        name, rest = path[0], path[1:]
        if name in RESERVED or path in template.optional:
            continue
        if name in steps:
            if name not in sees:
                found.error(f"{where} refers to `{name}`, which has not ended when it begins")
            elif rest and rest[0] not in _FIELDS:
                found.error(f"{where}: `{name}` has no `{rest[0][:80]}`{near(rest[0], _FIELDS)}")
        elif known is not None:
            if name not in known:
                hint = near(name, sorted({*known, *steps}))
                found.error(f"{where}: `{name[:80]}` is no step, and no input{hint}")
        elif rest and rest[0] in _FIELDS:
            found.error(f"{where}: `{name[:80]}` is no step{near(name, sorted(steps))}")


def _condition(
    flow: Flow, condition: Condition, sees: set[str], where: str, found: Checked
) -> None:
    name = condition.step
    steps = [step.name for step in flow.added]
    if name is None:
        return
    if name not in steps:
        found.error(f"{where}: `{name[:80]}` is no step{near(name, steps)}")
    elif name not in sees:
        found.error(f"{where} refers to `{name}`, which has not ended by then")


def _check_schemas(flow: Flow, found: Checked, clock: Callable[[], float]) -> None:
    """Check each schema, and that what one step gives fits what the next takes.

    `clock` tells the processor time of the thread that this runs in, in seconds.
    """
    deadline_s = clock() + _SCHEMAS_S
    steps = {step.name: step for step in flow.added}
    schemas = [(flow.input_schema, f"`input_schema` of `{flow.title[:80]}`")]
    for step in flow.added:
        schemas += [(step.input_schema, f"the step `{step.name[:80]}`: `input_schema`")]
        schemas += [(step.output_schema, f"the step `{step.name[:80]}`: `output_schema`")]
    for schema, where in schemas:
        flaw = None if schema is None else schema_flaw(schema)
        if flaw:
            found.error(f"{where}: {flaw}")
            return
        if clock() > deadline_s:
            found.error(f"the schemas of `{flow.title[:80]}` take too long to check")
            return
    for step in flow.added:
        before = [steps[name] for name in flow.before(step) if name in steps]
        if step.input_schema is not None and len(before) == 1 and before[0].gives is not None:
            sure, wrong = compared(before[0].gives, step.input_schema)
            text = f"what `{before[0].name}` gives does not fit what `{step.name}` takes: {wrong}"
            if wrong and sure:
                found.error(text)
            elif wrong:
                found.warnings.append(text.replace("does not", "may not"))
        if _is_flow(step.workflow):
            _check_schemas(step.workflow, found, clock)


def _is_flow(value: Any) -> bool:
    return isinstance(value, Builder) and hasattr(value, "added")
