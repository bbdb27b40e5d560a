"""One LLM call through plain litellm, set up not to fetch tables as llmspell sets it up."""

from __future__ import annotations

import asyncio
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"

import litellm


async def main() -> None:
    """Ask, and print the answer."""
    messages = [{"role": "user", "content": "Say hello"}]
    answer = await litellm.acompletion(model="openai/gpt-4o-mini", messages=messages)
    print(answer.choices[0].message.content)


asyncio.run(main())
