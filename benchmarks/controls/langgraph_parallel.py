"""Many nodes at once that do nothing, in plain langgraph; prints the seconds of each round.

Each line on stdin is how many nodes, and how often to make and run the graph.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Annotated, Any, TypedDict

os.environ["LANGSMITH_TRACING"] = "false"

from langgraph.graph import START, StateGraph


def merged(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Put what the nodes gave together."""
    return {**left, **right}


class State(TypedDict, total=False):
    """What each node gave, by its name."""

    steps: Annotated[dict[str, Any], merged]


async def nothing() -> object:
    """Do nothing."""
    return None


def graph(count: int) -> Any:
    """Draw a graph of `count` nodes that run at once; each says what it gave."""
    drawn: Any = StateGraph(State)
    for number in range(1, count + 1):
        name = f"s{number}"

        async def node(_: State, name: str = name) -> State:
            return {"steps": {name: {"status": "completed", "output": await nothing()}}}

        drawn.add_node(name, node)
        drawn.add_edge(START, name)
    return drawn.compile()


async def main() -> None:
    """Make and run the graph as often as each line says."""
    await graph(10).ainvoke({"steps": {}})
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        count, runs = (int(word) for word in line.split())
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for _ in range(runs):
            ended = await graph(count).ainvoke({"steps": {}})
            assert len(ended["steps"]) == count  # noqa: S101 - a benchmark of failures is none
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        print(wall_s, cpu_s, flush=True)


asyncio.run(main())
