"""The arguments that the methods of `llm` share: types, bounds, descriptions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from llmspell_bridges.llm.types import Message, ResponseFormat, Tool
from llmspell_bridges.retry import RetryPolicy


class CacheOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take an answer from the cache that is at most `ttl_s` seconds old."""

    ttl_s: Annotated[float, Meta(gt=0)] | None = None


Messages = Annotated[list[Message] | None, "The conversation: records with `role` and `content`"]
System = Annotated[str | None, "What the model is told before the conversation"]
ModelName = Annotated[str | None, "`provider/model`, an alias, or a bare name such as `gpt-4`"]
ProviderName = Annotated[str | None, "The provider, where `model` does not name it"]
Temperature = Annotated[Annotated[float, Meta(ge=0, le=2)] | None, "Randomness, from 0 to 2"]
TopP = Annotated[Annotated[float, Meta(ge=0, le=1)] | None, "Keep the likeliest, from 0 to 1"]
MaxTokens = Annotated[Annotated[int, Meta(ge=1)] | None, "The longest answer, in tokens"]
Stops = Annotated[list[str] | None, "Texts that end the answer"]
Seed = Annotated[int | None, "Makes answers repeatable, where the provider can"]
Penalty = Annotated[Annotated[float, Meta(ge=-2, le=2)] | None, "From -2 to 2"]
Tools = Annotated[list[Tool] | None, "Functions that the model may ask for"]
Choice = Annotated[str | None, "`auto`, `none`, `required`, or the name of a tool"]
Format = Annotated[ResponseFormat | None, "The form of the answer, in OpenAI's words"]
Schema = Annotated[dict[str, Any] | None, "JSON Schema of the answer; its value is in `data`"]
Effort = Annotated[
    Literal["none", "minimal", "low", "medium", "high"] | None, "How long the model thinks"
]
Timeout = Annotated[Annotated[float, Meta(gt=0)] | None, "Seconds to wait for the provider"]
Retry = Annotated[
    RetryPolicy | None, "Try again after an error that may pass; off unless given or configured"
]
Fallbacks = Annotated[
    Annotated[list[str], Meta(max_length=8)] | None,
    "Models to ask, in order, when one cannot answer: overloaded, out of reach, unknown, too small",
]
Cache = Annotated[
    bool | CacheOptions | None, "Keep the answer on disk, and take it from there: `{ttl_s = 60}`"
]
