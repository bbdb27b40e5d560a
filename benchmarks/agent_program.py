"""An embedding program: an agent of a spell that counts; prints the seconds of each round.

Each line on stdin is a language, and how many runs the agent makes one after the other.
"""

from __future__ import annotations

import asyncio
import sys
import time

from llmspell_core import Budget, Ledger, Runtime

_SCRIPTS = {
    "lua": """
local agent = llm.agent{
  model = "openai/gpt-4o-mini", system = "You count.",
  tools = {{
    name = "count", description = "Count on",
    parameters = {type = "object", properties = {n = {type = "integer"}}, required = {"n"}},
    handler = function(args) return "after " .. args.n .. " comes " .. args.n + 1 end,
  }},
}
for _ = 1, params.runs do
  local answer = agent:run("Count to 10", {context = {}})
  assert(answer.content == "hello" and answer.steps == 11)
end
return params.runs
""",
    "javascript": """
const agent = await llm.agent({
  model: "openai/gpt-4o-mini", system: "You count.",
  tools: [{
    name: "count", description: "Count on",
    parameters: {type: "object", properties: {n: {type: "integer"}}, required: ["n"]},
    handler: ({n}) => `after ${n} comes ${n + 1}`,
  }],
});
for (let i = 0; i < params.runs; i++) {
  const answer = await agent.run("Count to 10", {context: {}});
  if (answer.content !== "hello" || answer.steps !== 11) throw new Error("a wrong answer");
}
return params.runs;
""",
}


async def round_of(runtime: Runtime, language: str, runs: int) -> None:
    """Run the spell, whose agent runs `runs` times."""
    ledger = Ledger(Budget.unlimited())
    result = await runtime.run(_SCRIPTS[language], {"runs": runs}, language=language, ledger=ledger)
    assert result.value == runs  # noqa: S101 - a benchmark of failures is none


async def main() -> None:
    """Serve rounds until stdin ends."""
    async with Runtime() as runtime:
        for language in _SCRIPTS:
            await round_of(runtime, language, 1)
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            language, runs = line.split()
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            await round_of(runtime, language, int(runs))
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            print(wall_s, cpu_s, flush=True)


asyncio.run(main())
