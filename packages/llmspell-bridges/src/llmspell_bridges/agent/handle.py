"""An agent as a script holds it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.agent import importing
from llmspell_bridges.agent.as_tool import AgentTool
from llmspell_bridges.agent.making import checked, problems, resolved
from llmspell_bridges.llm.agent_methods import (
    AgentName,
    Approve,
    Description,
    MaxSteps,
    SchemaMode,
)
from llmspell_bridges.llm.params import (
    Choice,
    Effort,
    Fallbacks,
    MaxTokens,
    ModelName,
    ProviderName,
    Retry,
    Schema,
    Seed,
    Stops,
    System,
    Temperature,
    Timeout,
    TopP,
)
from llmspell_bridges.llm.prepared import prepared
from llmspell_bridges.llm.types import Message, Part, Request
from llmspell_bridges.tools import ToolHandle, toolbox
from llmspell_bridges.tools.handle import describe
from llmspell_core import CallContext, Handle, TextRecord, ValidationError, method
from llmspell_core.convert import convert

if TYPE_CHECKING:
    from llmspell_bridges.agent.config import AgentConfig
    from llmspell_bridges.agent.door import ModelDoor
    from llmspell_bridges.tools import Tool

Input = Annotated[str | list[Part], "A text, or parts: text, image, audio, file"]
Context = Annotated[
    dict[str, Any] | None,
    "A conversation to go on with instead of the agent's own: an answer's `context`, or `{}`",
]
_ANSWER = "A text with message, data, usage, cost_usd, steps, model, messages, tool_calls, metadata"
_CHUNKS = "Texts with `type`: text, reasoning, tool_call, tool_result; at last end, the answer"
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class AgentHandle(Handle):
    """A model with tools, and the conversation it has had."""

    type_name = "agent"

    def __init__(self, config: AgentConfig, tools: list[Tool], door: ModelDoor) -> None:
        """Take what `make_agent` has checked."""
        self.config = config
        self._tools = tools
        self._door = door
        self._history: list[Any] = []
        self._built: dict[str | None, Any] = {}
        self._closed = False

    async def ask(
        self,
        content: str | list[dict[str, Any]],
        history: list[Any],
        ctx: CallContext,
        emit: Any = None,
    ) -> tuple[TextRecord, list[Any]]:
        """Run the agent on `content` after `history`; return the answer and the new messages.

        `content` is text, or parts in the provider's form; `history` holds pydantic-ai's messages.
        """
        running: Any = await importing.running()
        model = await self._door.model(ctx, self.config)
        agent = self._built.get(model[1])
        if agent is None:
            agent = self._built[model[1]] = running.build(self.config, self._tools, model[1])
        steps = self.config.max_steps or ctx.session.ledger.budget.agent_steps
        run = running.AgentRun(self.config, toolbox(ctx.session), self._door, ctx, steps=steps)
        found: tuple[TextRecord, list[Any]] = await run.answer(agent, model, content, history, emit)
        return found

    @method(effects=("model",), example={"input": "Hello"}, returns=_ANSWER)
    async def run(self, input: Input, *, context: Context = None, ctx: CallContext) -> TextRecord:  # noqa: A002 - the spec's name
        """Ask the agent, and wait for its answer; it remembers both."""
        return await self._run(input, context, ctx)

    @method(effects=("model",), example={"input": "Hello", "context": {}}, returns=_ANSWER)
    async def run_with_context(
        self,
        input: Input,  # noqa: A002 - the spec's name
        context: Annotated[dict[str, Any], "An answer's `context`, or `{}` for a new one"],
        *,
        ctx: CallContext,
    ) -> TextRecord:
        """Ask the agent in a conversation of the script's own; the answer's `context` goes on with it."""
        return await self._run(input, context, ctx)

    @method(effects=("model",), example={"input": "Hello"}, returns=_CHUNKS)
    async def stream(
        self,
        input: Input,  # noqa: A002 - the spec's name
        *,
        context: Context = None,
        ctx: CallContext,
    ) -> AsyncIterator[TextRecord]:
        """Ask the agent, and see what it writes and does as it happens."""
        async with aclosing(self._chunks(input, context, ctx)) as chunks:
            async for chunk in chunks:
                yield chunk

    @method(effects=("model",), example={"input": "Hello"}, returns=_CHUNKS)
    async def run_stream(
        self,
        input: Input,  # noqa: A002 - the spec's name
        *,
        context: Context = None,
        ctx: CallContext,
    ) -> AsyncIterator[TextRecord]:
        """Do the same as `stream`."""
        async with aclosing(self._chunks(input, context, ctx)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _chunks(
        self, given: str | list[Part], context: dict[str, Any] | None, ctx: CallContext
    ) -> AsyncGenerator[TextRecord, None]:
        chunks: asyncio.Queue[TextRecord] = asyncio.Queue(maxsize=1)
        run = asyncio.ensure_future(self._run(given, context, ctx, chunks.put))
        waiting: set[asyncio.Future[Any]] = {run}
        try:
            while not (run.done() and chunks.empty()):
                chunk = asyncio.ensure_future(chunks.get())
                waiting.add(chunk)
                await asyncio.wait({chunk, run}, return_when=asyncio.FIRST_COMPLETED)
                if chunk.done():
                    yield chunk.result()
                else:  # the run has ended; what it has put last stays in the queue
                    chunk.cancel()
                    await asyncio.wait({chunk})
                waiting.discard(chunk)
            answer = await run
            yield TextRecord("", {**answer.fields, "type": "end"})
        finally:
            for each in waiting:
                each.cancel()
            # not awaited: whoever left early does not want the run's error
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _run(
        self,
        given: str | list[Part],
        context: dict[str, Any] | None,
        ctx: CallContext,
        emit: Any = None,
    ) -> TextRecord:
        if self._closed:
            raise ValidationError(f"{self.config.called} was closed")
        running: Any = await importing.running()
        earlier = (context or {}).get("messages", [])
        messages = convert(earlier, list[Message], argument="context.messages", where=ctx.where)
        request = Request(
            where=ctx.where, messages=[*messages, Message(role="user", content=given)]
        )
        built = await prepared(request, ctx)
        *contents, content = [message.get("content") for message in built["messages"]]
        if context is None:
            answer, new = await self.ask(content, self._history, ctx, emit)
            self._history = [*self._history, *new]
            return answer
        answer, new = await self.ask(content, running.from_script(messages, contents), ctx, emit)
        answer.fields["context"] = {**context, "messages": [*earlier, *running.to_script(new)]}
        return answer

    @method(example={}, returns="Records with `name`, `description`, `parameters`")
    async def tools(self) -> list[dict[str, Any]]:
        """List the agent's tools as its model sees them."""
        return [describe(tool) for tool in self._tools]

    @method(effects=("model",), example={}, returns="`valid`, and `errors`, a list of texts")
    async def validate(self, *, ctx: CallContext) -> dict[str, Any]:
        """Say whether the agent could run here: its model, the permissions, its tools."""
        found = await problems(self.config, self._tools, self._door, ctx)
        return {"valid": not found, "errors": found}

    @method(example={}, returns="Messages, as `llm.complete` takes them")
    async def history(self) -> list[dict[str, Any]]:
        """Return the conversation so far."""
        if not self._history:
            return []
        running: Any = await importing.running()
        found: list[dict[str, Any]] = running.to_script(self._history)
        return found

    @method(example={})
    async def reset(self) -> None:
        """Forget the conversation."""
        self._history = []

    @method(example={}, returns="A tool, for the `tools` of another agent")
    async def as_tool(
        self, name: AgentName = None, *, description: Description = None, ctx: CallContext
    ) -> ToolHandle:
        """Make a tool of the agent: each call is a conversation of its own."""
        called = name or _NO_NAME.sub("_", self.config.name or "agent")[:64]
        told = description or self.config.description or f"Ask the agent {called}"
        box = toolbox(ctx.session)
        box.check_name(called, ctx.where)
        return ToolHandle(box, AgentTool(self, called, told))

    @method(example={"text": "You are brief."}, returns="A new agent")
    async def with_system_prompt(self, text: str) -> AgentHandle:
        """Make an agent like this one with another system prompt, and no conversation yet."""
        return self._with(msgspec.structs.replace(self.config, system=text), self._tools)

    @method(example={"tools": ["web_search"]}, returns="A new agent")
    async def with_tools(
        self, tools: Annotated[list[Any], "As in `llm.agent`"], *, ctx: CallContext
    ) -> AgentHandle:
        """Make an agent like this one with other tools, and no conversation yet."""
        found = await resolved(tools, ctx)
        return self._with(await checked(self.config, found, ctx), found)

    @method(example={"temperature": 0.0}, returns="A new agent")
    async def with_config(
        self,
        *,
        model: ModelName = None,
        provider: ProviderName = None,
        system: System = None,
        name: AgentName = None,
        description: Description = None,
        temperature: Temperature = None,
        top_p: TopP = None,
        max_tokens: MaxTokens = None,
        stop_sequences: Stops = None,
        seed: Seed = None,
        reasoning_effort: Effort = None,
        tool_choice: Choice = None,
        max_steps: MaxSteps = None,
        schema: Schema = None,
        schema_mode: SchemaMode = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        timeout_s: Timeout = None,
        approve: Approve = None,
        ctx: CallContext,
    ) -> AgentHandle:
        """Make an agent like this one, but for what is given, and no conversation yet."""
        given = {
            "model": model,
            "provider": provider,
            "system": system,
            "name": name,
            "description": description,
            "temperature": temperature,
            "top_p": top_p,
            "max_tokens": max_tokens,
            "stop_sequences": stop_sequences,
            "seed": seed,
            "reasoning_effort": reasoning_effort,
            "tool_choice": tool_choice,
            "max_steps": max_steps,
            "schema": schema,
            "schema_mode": schema_mode,
            "fallbacks": fallbacks,
            "retry": retry,
            "timeout_s": timeout_s,
            "approve": approve,
        }
        changes = {key: value for key, value in given.items() if value is not None}
        config = msgspec.structs.replace(self.config, **changes)
        return self._with(await checked(config, self._tools, ctx), self._tools)

    def _with(self, config: AgentConfig, tools: list[Tool]) -> AgentHandle:
        return type(self)(config, tools, self._door)

    @method(example={})
    async def close(self) -> None:
        """Forget the conversation for good; an agent that was closed does not run."""
        self._closed = True
        self._history = []
