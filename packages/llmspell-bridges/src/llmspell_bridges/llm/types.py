"""What a script hands to `llm.complete`: messages, their parts, tools, the answer's format.

Unknown fields are refused: what is not named here never reaches a provider.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, Union

import msgspec


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record that takes exactly its fields."""


class TextPart(_Record, frozen=True, kw_only=True, tag="text"):
    """A piece of text."""

    text: str


class ImagePart(_Record, frozen=True, kw_only=True, tag="image"):
    """An image: by `url` (https, or a data URL), or as bytes in `data` with its `mime_type`."""

    url: str | None = None
    data: bytes | None = None
    mime_type: str | None = None
    detail: Literal["low", "high", "auto"] | None = None


class ImageUrl(_Record, frozen=True, kw_only=True):
    """OpenAI's way to name an image."""

    url: str
    detail: Literal["low", "high", "auto"] | None = None


class ImageUrlPart(_Record, frozen=True, kw_only=True, tag="image_url"):
    """An image, in OpenAI's form."""

    image_url: ImageUrl


class AudioPart(_Record, frozen=True, kw_only=True, tag="audio"):
    """Sound, as bytes in `data`, or in `url`, a data URL; `mime_type` such as ``audio/wav``."""

    data: bytes | None = None
    url: str | None = None
    mime_type: str = "audio/wav"


class FilePart(_Record, frozen=True, kw_only=True, tag="file"):
    """A document, as bytes in `data`, or in `url`, a data URL; `mime_type` as of a PDF."""

    data: bytes | None = None
    url: str | None = None
    mime_type: str = "application/pdf"
    name: str | None = None


Part: TypeAlias = Union[TextPart, ImagePart, ImageUrlPart, AudioPart, FilePart]  # noqa: UP007 - a name for msgspec, resolved at run time


class FunctionCall(_Record, frozen=True, kw_only=True):
    """The function of a tool call, in OpenAI's form: `arguments` is JSON text."""

    name: str
    arguments: str = "{}"


class ToolCall(_Record, frozen=True, kw_only=True):
    """A tool call that a model asked for, as an answer's `tool_calls` has it, or OpenAI's form."""

    id: str
    name: str | None = None
    arguments: dict[str, Any] | None = None
    arguments_text: str | None = None
    type: Literal["function"] = "function"
    function: FunctionCall | None = None


class Message(_Record, frozen=True, kw_only=True):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str | list[Part] | None, "Text, or parts: text, image, audio, file"] = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    metadata: Annotated[dict[str, Any] | None, "The spell's own notes; not sent"] = None


class Function(_Record, frozen=True, kw_only=True):
    """A function that a model may ask for; `parameters` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Record, frozen=True, kw_only=True):
    """A tool: `name`, `description` and `parameters`, or OpenAI's form with `function`."""

    type: Literal["function"] = "function"
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    function: Function | None = None


class JsonSchema(_Record, frozen=True, kw_only=True):
    """OpenAI's way to ask for JSON that fits a schema."""

    name: str = "answer"
    schema: dict[str, Any]
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(_Record, frozen=True, kw_only=True):
    """The form of the answer: text, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a script says of one completion."""

    where: str
    prompt: str | None = None
    messages: list[Message] | None = None
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    tools: list[Tool] | None = None
    tool_choice: str | None = None
    response_format: ResponseFormat | None = None
    schema: dict[str, Any] | None = None
    reasoning_effort: str | None = None
