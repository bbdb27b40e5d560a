"""An embedding program: LLM calls from many spells at once; prints the seconds of each round.

Each line on stdin is a language, a number of spells, and the calls that each makes at once.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time

from llmspell_core import Runtime

_SCRIPTS = {
    "lua": """
local asks = {}
for i = 1, params.calls do
  asks[i] = function() return llm.complete("Say hello", { model = "openai/gpt-4o-mini" }) end
end
local answers = async.all(asks)
for i = 1, #answers do assert(tostring(answers[i]) == "hello") end
return #answers
""",
    "javascript": """
const asks = [];
for (let i = 0; i < params.calls; i++) {
  asks.push(llm.complete("Say hello", { model: "openai/gpt-4o-mini" }));
}
const answers = await Promise.all(asks);
if (answers.some((answer) => String(answer) !== "hello")) throw new Error("a wrong answer");
return answers.length;
""",
}


async def round_of(runtime: Runtime, language: str, spells: int, calls: int) -> None:
    """Run `spells` spells at once, and check that every call was answered."""
    results = await asyncio.gather(
        *(
            runtime.run(_SCRIPTS[language], {"calls": calls}, language=language)
            for _ in range(spells)
        )
    )
    assert [result.value for result in results] == [calls] * spells  # noqa: S101 - as it says


async def main() -> None:
    """Serve rounds until stdin ends."""
    # each waiting spell holds four descriptors
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    async with Runtime() as runtime:
        for language in _SCRIPTS:
            await round_of(runtime, language, 1, 1)
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            language, spells, calls = line.split()
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            await round_of(runtime, language, int(spells), int(calls))
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            print(wall_s, cpu_s, flush=True)


asyncio.run(main())
