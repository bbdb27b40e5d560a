"""`LiteLLMModel`: pydantic-ai's door to the models that litellm knows.

Each of its requests is one of `llm.complete`'s: resolved, permitted, reserved, made, settled,
tried again and handed to fallbacks by `Serving` and `ModelCall`. It knows nothing of providers.

`_get_event_iterator` and `_parts_manager` are what pydantic-ai asks subclasses to use, private as
their names are; `prepare_request` and `customize_request_parameters` are public. The dependency
is pinned below 3.
"""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic_ai.exceptions import IncompleteToolCall
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model, StreamedResponse
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.usage import RequestUsage

from llmspell_bridges.agent.messages import to_provider
from llmspell_bridges.agent.thinking import thinking_parts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from pydantic_ai import RunContext
    from pydantic_ai.messages import ModelMessage, ModelResponseStreamEvent
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import ToolDefinition

    from llmspell_bridges.agent.config import AgentConfig
    from llmspell_bridges.agent.totals import Totals
    from llmspell_bridges.llm.serving import Serving
    from llmspell_core import TextRecord

_FINISH: dict[str, Any] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
}
_CHOICES = ("auto", "none", "required")


class LiteLLMModel(Model[Any]):
    """The model of one run of an agent."""

    _unsupported_file_inputs: ClassVar[frozenset[Any]] = frozenset({"video"})

    def __init__(
        self,
        name: str,
        config: AgentConfig,
        serve: Callable[[], Serving],
        totals: Totals,
        *,
        mode: str | None,
    ) -> None:
        """Ask the model `name` through what `serve` gives; `mode` is the way to structured output."""
        provider, _, self._name = name.partition("/")
        self._provider_name = provider
        self._config = config
        self._serve = serve
        self._totals = totals
        self._tools_size: tuple[Any, int] = (None, 0)
        profile = ModelProfile(
            supports_json_schema_output=mode == "native",
            supports_json_object_output=False,
            context_window=None,  # else pydantic-ai looks every model up in its table of prices
        )
        super().__init__(profile=profile)

    @property
    def model_name(self) -> str:
        """The model's name, without its provider."""
        return self._name

    @property
    def system(self) -> str:
        """The provider."""
        return self._provider_name

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask for a whole answer."""
        arguments = self._arguments(messages, model_settings, model_request_parameters)
        answer = await self._serve().complete(arguments, parse=False)
        self._totals.take(answer)
        fields: dict[str, Any] = answer.fields
        parts: list[Any] = list(thinking_parts(_blocks(fields), fields.get("reasoning", "")))
        parts += [TextPart(str(answer))] if answer else []
        return ModelResponse(
            parts=[*parts, *_calls(fields)],
            usage=_usage(fields),
            model_name=fields["model"],
            provider_name=self._provider_name,
            finish_reason=_FINISH.get(fields["finish_reason"]),
        )

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - pydantic-ai's signature
    ) -> AsyncGenerator[StreamedResponse]:
        """Ask for an answer piece by piece; leaving the block closes the request."""
        arguments = self._arguments(messages, model_settings, model_request_parameters)
        source = self._serve().stream(arguments, parse=False)
        async with aclosing(source):
            yield _Streamed(
                model_request_parameters=model_request_parameters,
                source=source,
                totals=self._totals,
                name=self._name,
                provider=self._provider_name,
            )

    def customize_request_parameters(
        self, model_request_parameters: ModelRequestParameters
    ) -> ModelRequestParameters:
        """Put the agent's own schema where pydantic-ai was given that of any object.

        It would unfold each reference of the schema, which a script can make unfold without end.
        """
        params = super().customize_request_parameters(model_request_parameters)
        schema = self._config.schema
        if schema is None:
            return params
        tools = [replace(tool, parameters_json_schema=schema) for tool in params.output_tools]
        wanted = params.output_object
        wanted = None if wanted is None else replace(wanted, json_schema=schema)
        return replace(params, output_tools=tools, output_object=wanted)

    def _arguments(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> dict[str, Any]:
        """Build litellm's arguments."""
        _, params = self.prepare_request(model_settings, parameters)
        instructions = "\n\n".join(part.content for part in params.instruction_parts or ())
        arguments: dict[str, Any] = {"messages": to_provider(messages, instructions)}
        arguments.update(self._config.sampling())
        tools = [_tool(each) for each in params.declared_tool_defs.values()]
        if tools:
            arguments["tools"] = tools
            choice = self._choice(must_call=not params.allow_text_output)
            arguments.update({} if choice is None else {"tool_choice": choice})
        if params.output_mode == "native" and params.output_object is not None:
            form = {"name": "answer", "schema": params.output_object.json_schema}
            arguments["response_format"] = {"type": "json_schema", "json_schema": form}
        return arguments

    def _choice(self, *, must_call: bool) -> str | dict[str, Any] | None:
        """Say which tool to call: what the script says counts for the first step alone."""
        choice = None if self._totals.steps else self._config.tool_choice
        if choice is None or (must_call and choice in _CHOICES):
            return "required" if must_call else None
        if choice in _CHOICES:
            return choice
        return {"type": "function", "function": {"name": choice}}


@dataclass(kw_only=True)
class _Streamed(StreamedResponse):
    """The pieces of one answer, as pydantic-ai's events."""

    source: AsyncGenerator[TextRecord, None]
    totals: Totals
    name: str
    provider: str
    _started: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        parts = self._parts_manager
        async for piece in self.source:
            fields: dict[str, Any] = piece.fields
            if fields["type"] == "text":
                for event in parts.handle_text_delta(vendor_part_id="text", content=str(piece)):
                    yield event
            elif fields["type"] == "reasoning":
                for event in parts.handle_thinking_delta(
                    vendor_part_id="thinking", content=fields["reasoning"]
                ):
                    yield event
            else:
                self.totals.take(piece)
                self._usage = _usage(fields)
                self.finish_reason = _FINISH.get(fields["finish_reason"])
                for index, block in enumerate(thinking_parts(_blocks(fields))):
                    # the first one takes the place of what was streamed without its signature
                    number = "thinking" if index == 0 else f"thinking {index}"
                    yield parts.handle_part(vendor_part_id=number, part=block)
                for index, call in enumerate(_calls(fields)):
                    yield parts.handle_part(vendor_part_id=f"call {index}", part=call)

    async def close_stream(self) -> None:
        """Close the request."""
        await self.source.aclose()

    @property
    def model_name(self) -> str:
        """The model's name."""
        return self.name

    @property
    def provider_name(self) -> str:
        """The provider."""
        return self.provider

    @property
    def provider_url(self) -> None:
        """Where the provider is, which is the host's business."""
        return

    @property
    def timestamp(self) -> datetime:
        """When the request was made."""
        return self._started


def _blocks(fields: dict[str, Any]) -> Any:
    return (fields["message"].get("metadata") or {}).get("thinking")


def _calls(fields: dict[str, Any]) -> list[ToolCallPart]:
    """Read the tool calls of an answer; arguments that are no JSON stay text, for the model to see.

    Raises:
        IncompleteToolCall: they were cut off: asked again, they would be again.
    """
    calls = fields.get("tool_calls", ())
    if fields["finish_reason"] == "length" and calls and "arguments_text" in calls[-1]:
        raise IncompleteToolCall("a tool call was cut off")
    return [
        ToolCallPart(
            call["name"],
            call["arguments_text"] if "arguments_text" in call else call["arguments"],
            **({"tool_call_id": call["id"]} if call["id"] else {}),
        )
        for call in calls
    ]


def _usage(fields: dict[str, Any]) -> RequestUsage:
    usage = fields["usage"]
    return RequestUsage(
        input_tokens=usage["prompt_tokens"],
        output_tokens=usage["completion_tokens"],
        # else pydantic-ai looks for a price in its own table, which takes a third of a millisecond
        cost=Decimal(str(fields.get("cost_usd") or 0)),
    )


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters_json_schema}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}
