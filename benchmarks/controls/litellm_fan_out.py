"""1,000 calls at once by asyncio and litellm alone; prints the seconds of each round."""

from __future__ import annotations

import asyncio
import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"

import litellm


async def call() -> str:
    """Make one call."""
    messages = [{"role": "user", "content": "Say hello"}]
    answer = await litellm.acompletion(
        model="openai/gpt-4o-mini", messages=messages, max_retries=0, num_retries=0
    )
    return str(answer.choices[0].message.content)


async def main() -> None:
    """Make as many calls at once as each line asks for."""
    await call()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        answers = await asyncio.gather(*(call() for _ in range(int(line))))
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        assert set(answers) == {"hello"}  # noqa: S101 - a benchmark of failures is none
        print(wall_s, cpu_s, flush=True)


asyncio.run(main())
