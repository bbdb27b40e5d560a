"""An agent in plain pydantic-ai; prints the seconds of each round.

The first argument says over which model: pydantic-ai's own for OpenAI, or litellm through the
thinnest adapter that can run this agent. Each line on stdin is how many runs to make.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"

from pydantic_ai import Agent, Tool
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.usage import RequestUsage

STEPS = 10
PROMPT = f"Count to {STEPS}"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def count(n: int) -> str:
    """Count on."""
    return f"after {n} comes {n + 1}"


class Plain(Model[Any]):
    """litellm, and nothing but what this agent needs."""

    model_name = "gpt-4o-mini"
    system = "openai"

    async def request(
        self, messages: Any, model_settings: Any, model_request_parameters: Any
    ) -> Any:
        """Make one call."""
        import litellm

        _, parameters = self.prepare_request(model_settings, model_request_parameters)
        tools = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description or "",
                    "parameters": tool.parameters_json_schema,
                },
            }
            for tool in parameters.declared_tool_defs.values()
        ]
        sent = [
            {"role": "system", "content": part.content}
            for part in parameters.instruction_parts or ()
        ]
        sent += [message for each in messages for message in _written(each)]
        answer = await litellm.acompletion(
            model="openai/gpt-4o-mini", messages=sent, tools=tools, max_retries=0, num_retries=0
        )
        message = answer.choices[0].message
        parts: list[Any] = [TextPart(message.content)] if message.content else []
        for call in message.tool_calls or ():
            function = call.function
            parts.append(ToolCallPart(function.name, function.arguments, tool_call_id=call.id))
        usage = RequestUsage(
            input_tokens=answer.usage.prompt_tokens, output_tokens=answer.usage.completion_tokens
        )
        return ModelResponse(parts=parts, usage=usage, model_name=answer.model)


def _written(message: ModelRequest | ModelResponse) -> Any:
    if isinstance(message, ModelResponse):
        calls = [
            {
                "id": part.tool_call_id,
                "type": "function",
                "function": {"name": part.tool_name, "arguments": part.args_as_json_str()},
            }
            for part in message.parts
            if isinstance(part, ToolCallPart)
        ]
        yield {"role": "assistant", "content": None, "tool_calls": calls}
        return
    for part in message.parts:
        if isinstance(part, ToolReturnPart):
            text = part.model_response_str()
            yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": text}
        elif isinstance(part, UserPromptPart):
            yield {"role": "user", "content": part.content}


def model() -> Model[Any]:
    """Make the model that the first argument names."""
    if sys.argv[1] == "litellm":
        return Plain()
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    return OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider())


async def main() -> None:
    """Run the agent as often as each line says, one run after the other."""
    tool = Tool.from_schema(count, "count", "Count on", SCHEMA)
    agent = Agent(model(), instructions="You count.", tools=[tool])
    await agent.run(PROMPT)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            result = await agent.run(PROMPT)
            assert result.output == "hello"  # noqa: S101 - a benchmark of failures is none
            assert result.usage.requests == STEPS + 1  # noqa: S101 - as it says
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        print(wall_s, cpu_s, flush=True)


asyncio.run(main())
