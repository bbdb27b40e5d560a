"""Workflows as langgraph's graphs: it decides what runs when, and keeps what was done.

Imported in a thread by `llmspell_bridges.workflow.importing`: it takes a second.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langsmith import tracing_context

from llmspell_bridges.workflow.schemas import fits
from llmspell_bridges.workflow.stepping import asked, take

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llmspell_bridges.workflow.run import Record, Run
    from llmspell_bridges.workflow.step import Step

_CHOICE = "__choice"
_ROUND = "__round"
"""Nodes of ours: no step can have such a name."""
_AT_ONCE = 200
"""How many steps are drawn on the event loop: a quarter of a millisecond each."""


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
    graph: Any = StateGraph(State)
    graph.add_node("one", _nothing)
    graph.add_edge(START, "one")
    graph.compile()


async def _nothing(_: State) -> State:
    return {}


async def invoke(run: Run) -> dict[str, Any]:
    """Run a workflow, or the one in a step of another; return its result.

    Raises:
        ValidationError: its inputs do not fit its schema.
        WorkflowError: a step failed.
    """
    return await start(run, {}, {"steps": {}})


async def start(run: Run, config: dict[str, Any], state: State) -> dict[str, Any]:
    """Run a workflow that is kept under the name in `config`; see `invoke`."""
    await fits(run.flow.input_schema, run.inputs, f"the input of `{run.flow.title}`")
    return await _advanced(run, await _drawn(run, config), config, state)


async def resume(run: Run, config: dict[str, Any]) -> dict[str, Any]:
    """Go on with a run from what is kept of it; return its result.

    Raises:
        WorkflowError: a step failed.
    """
    graph = await _drawn(run, config)
    kept = await graph.aget_state(config)
    if kept.next:
        return await _advanced(run, graph, config, None)
    return await _result(run, kept.values)


async def _drawn(run: Run, config: dict[str, Any]) -> Any:
    """Draw the graph; the one in a step is kept with the outermost, if that is kept."""
    draw, saver = _DRAWN[run.flow.name], run.saver if config else None
    if len(run.flow.added) <= _AT_ONCE:
        return draw(run, saver)
    return await asyncio.to_thread(draw, run, saver)


async def _advanced(
    run: Run, graph: Any, config: dict[str, Any], state: State | None
) -> dict[str, Any]:
    rounds = (len(run.flow.added) + 1) * run.flow.max_iterations
    whole = {**config, "recursion_limit": rounds + 10}
    durable: dict[str, Any] = {"durability": "sync"} if config else {}
    return await _result(run, await graph.ainvoke(state, whole, **durable))


async def _result(run: Run, ended: State) -> dict[str, Any]:
    run.absorb(ended.get("steps", {}))
    run.iteration = ended.get("iteration", run.iteration)
    run.finished = ended.get("done", True)
    return await run.result()


async def outermost(work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Run what is no part of another graph, though one may have led here, and report it to nobody."""
    token = var_child_runnable_config.set(None)
    try:
        with tracing_context(enabled=False):
            return await work()
    finally:
        var_child_runnable_config.reset(token)


async def _node(run: Run, step: Step, state: State) -> State:
    _learn(run, state)
    async with run.gate:
        return {"steps": {step.name: await take(run, step)}}


def _learn(run: Run, state: State) -> None:
    """Let the first node that runs here learn what ran before a crash; the others see it happen."""
    if not run.begun:
        run.begun = True
        run.absorb(state.get("steps", {}))
    run.iteration = state.get("iteration", 0)


def _graph(run: Run) -> Any:
    graph: Any = StateGraph(State)
    for step in run.flow.added:
        # no closure: langgraph would read its byte code, 1.5 ms a step, to look for other graphs
        graph.add_node(step.name, partial(_node, run, step))
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
            if step.when is not None and await asked(run, step.when, f"`when` of `{step.name}`"):
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
        _learn(run, state)
        run.iteration = iteration = state.get("iteration", 0) + 1
        if flow.stop_when is not None:
            done = await asked(run, flow.stop_when, "`stop_when`", iteration)
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
    as_task: Any = task  # its types know no function with a name of its own

    async def flow(given: State) -> State:
        loop = asyncio.get_running_loop()
        ended = {name: loop.create_future() for name in steps}

        async def body(name: str) -> Record:
            for need in steps[name].needs or ():
                await asyncio.shield(ended[need])
            async with run.gate:
                record = await take(run, steps[name])
            if run.saver is not None:
                run.saver.expect(record)
            return record

        async def follow(name: str, call: Awaitable[Record]) -> None:
            record = await call
            if run.saver is not None:  # what needs it begins when it cannot be lost any more
                await run.saver.kept(record)
            run.absorb({name: record})
            ended[name].set_result(None)

        following = [
            asyncio.ensure_future(follow(name, as_task(body, name=name)(name))) for name in steps
        ]
        try:
            await asyncio.gather(*following)
        finally:
            for each in following:
                each.cancel()
            await asyncio.gather(*following, return_exceptions=True)
        return {"steps": run.steps, "about": given.get("about", {})}

    return entrypoint(checkpointer=saver)(flow)


_DRAWN: Mapping[str, Any] = {
    "sequential": _sequential,
    "parallel": _parallel,
    "conditional": _conditional,
    "loop": _loop,
    "dag": _dag,
}
