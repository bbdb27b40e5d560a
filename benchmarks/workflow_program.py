"""An embedding program: a workflow of many steps at once that do nothing; prints the seconds of each round.

Each line on stdin is a language, how many steps, and how often the workflow is made and run.
"""

from __future__ import annotations

import asyncio
import sys
import time

from llmspell_core import Runtime

_SCRIPTS = {
    "lua": """
local function nothing() end
for _ = 1, params.runs do
  local flow = workflow.parallel{name = "many"}
  for i = 1, params.steps do flow:add_step{name = "s" .. i, run = nothing} end
  local result = flow:run{topic = "nothing"}
  assert(result.status == "completed" and result.steps.s1.status == "completed")
end
return params.runs
""",
    "javascript": """
const nothing = () => {};
for (let run = 0; run < params.runs; run++) {
  const flow = workflow.parallel({name: "many"});
  for (let i = 1; i <= params.steps; i++) flow.addStep({name: "s" + i, run: nothing});
  const result = await flow.run({topic: "nothing"});
  if (result.status !== "completed" || result.steps.s1.status !== "completed") throw new Error("?");
}
return params.runs;
""",
}


async def round_of(runtime: Runtime, language: str, steps: int, runs: int) -> None:
    """Run the spell, which makes and runs the workflow `runs` times."""
    given = {"steps": steps, "runs": runs}
    result = await runtime.run(_SCRIPTS[language], given, language=language)
    assert result.value == runs  # noqa: S101 - a benchmark of failures is none


async def main() -> None:
    """Serve rounds until stdin ends."""
    async with Runtime() as runtime:
        for language in _SCRIPTS:
            await round_of(runtime, language, 10, 1)
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            language, steps, runs = line.split()
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            await round_of(runtime, language, int(steps), int(runs))
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            print(wall_s, cpu_s, flush=True)


asyncio.run(main())
