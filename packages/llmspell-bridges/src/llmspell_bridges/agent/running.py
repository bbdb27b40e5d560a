"""One run of an agent: pydantic-ai's loop, over our models and our tools.

Imported in a thread by `llmspell_bridges.agent.importing`: it takes a second.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_ai import (
    Agent,
    ModelRetry,
    NativeOutput,
    PromptedOutput,
    StructuredDict,
    ToolOutput,
    UsageLimits,
)
from pydantic_ai.exceptions import (
    AgentRunError,
    OutputTokenLimitExceeded,
    UsageLimitExceeded,
    UserError,
)
from pydantic_ai.messages import ModelResponse, ToolCallPart, ToolReturnPart

from llmspell_bridges.agent import approval
from llmspell_bridges.agent.config import AgentConfig
from llmspell_bridges.agent.events import forward, outcome_of
from llmspell_bridges.agent.messages import from_script, to_script, user_content
from llmspell_bridges.agent.model import LiteLLMModel
from llmspell_bridges.agent.tooling import as_model_tool
from llmspell_bridges.agent.totals import Totals, current
from llmspell_bridges.schema import UncheckableError, find_misfit
from llmspell_core import AgentError, LlmspellError, PermissionDeniedError, TextRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pydantic_ai import RunContext
    from pydantic_ai.agent import AgentRunResult
    from pydantic_ai.messages import ModelMessage

    from llmspell_bridges.agent.door import Mode, ModelDoor
    from llmspell_bridges.tools import Tool, ToolBox
    from llmspell_core import CallContext, Value

    Emit = Callable[[TextRecord | dict[str, Any]], Awaitable[None]]

__all__ = ["AgentRun", "build", "from_script", "to_script", "warm"]

_MANY = 1_000_000
"""Retries of tools are not counted apart: `max_steps` ends a model that learns nothing."""
_OUTPUT_RETRIES = 3
_ANSWER = "final_result"
"""The tool that an agent in the mode `tool` answers by: none of the script's."""


def warm() -> None:
    """Load what pydantic-ai would load on the event loop: when its first model, its first agent are made."""
    LiteLLMModel("local/none", AgentConfig(), _nobody, Totals(), mode=None)
    build(AgentConfig(system="", schema={}), [], "native")


def _nobody() -> Any:
    raise AssertionError("this model is never asked")


def build(config: AgentConfig, tools: Sequence[Tool], mode: Mode | None) -> Agent[Any, Any]:
    """Make pydantic-ai's agent; what belongs to one run comes as its `deps`."""
    # the agent's own schema is put in the place of this one by `LiteLLMModel`
    data = StructuredDict({"type": "object"}, name="answer")
    output: Any = str
    if mode == "tool":
        output = ToolOutput(data, name=_ANSWER)
    elif mode is not None:
        output = NativeOutput(data) if mode == "native" else PromptedOutput(data)
    agent: Agent[Any, Any] = Agent(
        None,
        deps_type=AgentRun,
        output_type=output,
        instructions=config.system,
        name=config.name or "agent",
        tools=[as_model_tool(tool) for tool in tools],
        retries={"tools": _MANY, "output": _OUTPUT_RETRIES},
    )
    if mode is not None:
        agent.output_validator(_fits)
    return agent


async def _fits(ctx: RunContext[AgentRun], data: Any) -> Any:
    try:
        found = await find_misfit(ctx.deps.config.schema or {}, data)
    except UncheckableError:
        found = None
    if found is not None:
        raise ModelRetry(f"The answer does not fit the schema {found}")
    return data


class AgentRun:
    """Asks a model, calls the tools it wants, and so on, until there is an answer."""

    def __init__(
        self,
        config: AgentConfig,
        box: ToolBox,
        door: ModelDoor,
        ctx: CallContext,
        *,
        steps: int | None,
    ) -> None:
        """Prepare one run; `steps` is the most requests of the model."""
        self.config = config
        self.totals = Totals(current.get())
        self._box = box
        self._door = door
        self._ctx = ctx
        self._steps = steps
        self._warned: set[str] = set()

    async def answer(
        self,
        agent: Agent[Any, Any],
        model: tuple[str, Mode | None],
        content: str | list[dict[str, Any]],
        history: list[ModelMessage],
        emit: Emit | None = None,
    ) -> tuple[TextRecord, list[ModelMessage]]:
        """Return the answer and the messages that the run added; with `emit`, tell of each step.

        Raises:
            AgentError: it came to no answer: too many steps, nothing that fits.
            LlmspellError: a model's provider failed, or something ends the whole spell.
        """
        name, mode = model
        door = LiteLLMModel(
            name,
            self.config,
            lambda: self._door.serving(self._ctx, self.config.wishes),
            self.totals,
            mode=mode,
        )
        token = current.set(self.totals)
        try:
            result = await agent.run(
                user_content(content),
                model=door,
                deps=self,
                message_history=history,
                usage_limits=UsageLimits(request_limit=self._steps),
                event_stream_handler=None if emit is None else forward(emit),
                infer_name=False,
            )
        except LlmspellError as error:
            if self.config.name:
                error.details.setdefault("agent", self.config.name)
            raise
        except (AgentRunError, UserError) as error:
            raise self._failure(error) from error
        finally:
            current.reset(token)
        return self._record(result), result.new_messages()

    async def call_tool(self, tool: Tool, call_id: str, arguments: dict[str, Any]) -> Value:
        """Call one of the agent's tools for its model."""

        async def approve(checked: dict[str, Any]) -> str | None:
            return await approval.refusal(
                self.config, self._ctx.session, tool.name, call_id, checked
            )

        asked = None if self.config.approve is None else approve
        try:
            return await self._box.call(tool, arguments, asked)
        except PermissionDeniedError as refused:
            raise self._told(refused) from refused

    def _told(self, refused: PermissionDeniedError) -> PermissionDeniedError:
        """Tell the user once what the agent lacks: its model may not say so."""
        session = self._ctx.session
        if session.policies is not None:
            refused = session.policies.explained(refused, session)
        if refused.message not in self._warned:
            self._warned.add(refused.message)
            session.log("warn", f"{self.config.called}: {refused.message}")
        return refused

    def _record(self, result: AgentRunResult[Any]) -> TextRecord:
        new = result.new_messages()
        last, output = self.totals.last, result.output
        text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
        fields: dict[str, Any] = {} if isinstance(output, str) else {"data": output}
        fields.update(
            self.totals.record(),
            message={"role": "assistant", "content": text},
            model=last["model"],
            finish_reason=last["finish_reason"],
            messages=to_script(new),
            tool_calls=_tool_calls(new),
            metadata=last["metadata"],
        )
        if "reasoning" in last:
            fields["reasoning"] = last["reasoning"]
        return TextRecord(text, fields)

    def _failure(self, error: Exception) -> AgentError:
        called = self.config.called
        if isinstance(error, UsageLimitExceeded):
            text = f"{called} came to no end within {self._steps} steps; {self._more_steps()}"
        elif isinstance(error, OutputTokenLimitExceeded):
            text = f"the answer of {called} was cut off; give it a larger `max_tokens`"
        else:
            text = f"{called} gave no answer: {error}"
        return AgentError(text, details=self.totals.record())

    def _more_steps(self) -> str:
        if self.config.max_steps is not None:
            return "give it a larger `max_steps`"
        return "raise the budget's `agent_steps`"


def _tool_calls(messages: Sequence[ModelMessage]) -> list[dict[str, Any]]:
    """List the calls of tools in the order they were asked for, with what came of each."""
    answers: dict[str, ToolReturnPart] = {
        part.tool_call_id: part
        for message in messages
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    }
    found = []
    for message in messages:
        for part in message.parts if isinstance(message, ModelResponse) else ():
            answer = answers.get(part.tool_call_id) if isinstance(part, ToolCallPart) else None
            if isinstance(part, ToolCallPart) and answer and part.tool_name != _ANSWER:
                found.append(call_record(part, answer))
    return found


def call_record(call: ToolCallPart, answer: ToolReturnPart) -> dict[str, Any]:
    """Say what was called, and what came of it."""
    return {
        "id": call.tool_call_id,
        "name": call.tool_name,
        "arguments": call.args_as_dict(),
        **outcome_of(answer),
    }
