"""Workflows as langgraph's graphs: it decides what runs when, and keeps what was done.

Imported in a thread by `llmspell_bridges.workflow.importing`: it takes a second.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langsmith import tracing_context

from llmspell_bridges.workflow.schemas import fits
from llmspell_bridges.workflow.stepping import holds, take
from llmspell_core import LlmspellError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llmspell_bridges.workflow.run import Record, Run
    from llmspell_bridges.workflow.step import Step

_CHOICE = "__choice"
_ROUND = "__round"
"""Nodes of ours: no step can have such a name."""


def _merged(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {**left, **right}


class State(TypedDict, total=False):
    """What langgraph carries from step to step, and keeps in checkpoints."""

    steps: Annotated[dict[str, Any], _merged]
    iteration: int
    done: bool
    choice: str
    about: dict[str, Any]


def warm() -> None:
    """Load what langgraph would load on the event loop with its first graph."""
    graph = StateGraph(State)
    graph.add_node("one", _nothing)
    graph.add_edge(START, "one")
    graph.compile()


async def _nothing(_: State) -> State:
    return {}


async def invoke(run: Run) -> dict[str, Any]:
    """Run a workflow within the step of another one, or without a checkpoint; return its result."""
    await fits(run.flow.input_schema, run.inputs, f"the input of `{run.flow.title}`")
    return await advance(run, None, {"steps": {}})


async def advance(
    run: Run, config: dict[str, Any] | None, state: State | None, saver: Any = None
) -> dict[str, Any]:
    """Run the graph from `state`, or on from where its checkpoint is; return the result."""
    graph = _DRAWN[run.flow.name](run, saver)
    rounds = (len(run.flow.added) + 1) * run.flow.max_iterations
    whole = {**(config or {}), "recursion_limit": rounds + 10}
    durable: dict[str, Any] = {} if saver is None else {"durability": "sync"}
    try:
        ended = await graph.ainvoke(state, whole, **durable)
        run.absorb(ended.get("steps", {}))
        run.iteration = ended.get("iteration", run.iteration)
        run.finished = ended.get("done", True)
        return await run.result()
    except Exception as error:
        run.failed(error)
        raise


async def outermost(work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Run what is no part of another graph, though one may have led here, and report it to nobody."""
    token = var_child_runnable_config.set(None)
    try:
        with tracing_context(enabled=False):
            return await work()
    finally:
        var_child_runnable_config.reset(token)


def _node(run: Run, step: Step) -> Any:
    async def node(state: State) -> State:
        run.absorb(state.get("steps", {}))
        run.iteration = state.get("iteration", 0)
        async with run.gate:
            return {"steps": {step.name: await take(run, step)}}

    return node


def _graph(run: Run) -> Any:
    graph: Any = StateGraph(State)
    for step in run.flow.added:
        graph.add_node(step.name, _node(run, step))
    return graph


def _sequential(run: Run, saver: Any) -> Any:
    graph = _graph(run)
    names = [step.name for step in run.flow.added]
    for name, after in zip([START, *names], names, strict=False):
        graph.add_edge(name, after)
    return graph.compile(checkpointer=saver)


def _parallel(run: Run, saver: Any) -> Any:
    graph = _graph(run)
    for step in run.flow.added:
        graph.add_edge(START, step.name)
    return graph.compile(checkpointer=saver)


def _conditional(run: Run, saver: Any) -> Any:
    async def choose(_: State) -> State:
        for step in run.flow.added:
            if step.when is not None and await _asked(run, step.when, f"`when` of `{step.name}`"):
                return {"choice": step.name}
        return {"choice": next((it.name for it in run.flow.added if it.otherwise), END)}

    graph = _graph(run)
    graph.add_node(_CHOICE, choose)
    graph.add_edge(START, _CHOICE)
    names = [step.name for step in run.flow.added]
    graph.add_conditional_edges(_CHOICE, lambda state: state["choice"], [*names, END])
    return graph.compile(checkpointer=saver)


def _loop(run: Run, saver: Any) -> Any:
    flow = run.flow

    async def count(state: State) -> State:
        run.absorb(state.get("steps", {}))
        run.iteration = iteration = state.get("iteration", 0) + 1
        if flow.until is not None:
            done = await _asked(run, flow.until, "`until`", iteration)
        else:
            done = iteration >= flow.max_iterations
        return {"iteration": iteration, "done": done}

    def onward(state: State) -> str:
        over = state["done"] or state["iteration"] >= flow.max_iterations
        return END if over else flow.added[0].name

    graph = _graph(run)
    graph.add_node(_ROUND, count)
    names = [step.name for step in flow.added]
    for name, after in zip([START, *names], [*names, _ROUND], strict=True):
        graph.add_edge(name, after)
    graph.add_conditional_edges(_ROUND, onward, [names[0], END])
    return graph.compile(checkpointer=saver)


def _dag(run: Run, saver: Any) -> Any:
    """Draw a graph whose steps wait for what they need alone.

    In a `StateGraph`, a step would wait for all that began with those before it. So each step is
    a task of langgraph's, all called at once and in the same order whenever the graph is run,
    because the order is how a checkpoint knows them again.
    """
    steps = {step.name: step for step in run.flow.added}

    async def flow(_: Any) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        ended = {name: loop.create_future() for name in steps}

        async def body(name: str) -> Record:
            for need in steps[name].needs or ():
                await asyncio.shield(ended[need])
            async with run.gate:
                return await take(run, steps[name])

        async def follow(name: str, call: Awaitable[Record]) -> None:
            record = await call
            if run.saver is not None:
                await run.saver.kept(record)
            run.absorb({name: record})
            ended[name].set_result(None)

        following = [
            asyncio.ensure_future(follow(name, task(body, name=name)(name))) for name in steps
        ]
        try:
            await asyncio.gather(*following)
        finally:
            for each in following:
                each.cancel()
            await asyncio.gather(*following, return_exceptions=True)
        return {"steps": run.steps}

    return entrypoint(checkpointer=saver)(flow)


async def _asked(run: Run, when: Any, what: str, *more: Any) -> bool:
    """Ask a condition that is the workflow's own, not a step's."""
    steps = {step.name: run.steps[step.name] for step in run.flow.added if step.name in run.steps}
    try:
        return await holds(run, when, steps, what, *more)
    except LlmspellError as error:
        if run.session.fatal is not None or error.kind in {"budget", "limit", "cancelled"}:
            raise
        raise WorkflowError(f"{what} failed: {error.message}", traceback=error.traceback) from error


_DRAWN: Mapping[str, Any] = {
    "sequential": _sequential,
    "parallel": _parallel,
    "conditional": _conditional,
    "loop": _loop,
    "dag": _dag,
}
