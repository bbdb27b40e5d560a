"""The methods of `llm` for images and sound."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from llmspell_bridges.llm import media
from llmspell_bridges.llm.base import LlmBase
from llmspell_bridges.llm.params import Cache, Fallbacks, ModelName, ProviderName, Retry, Timeout
from llmspell_bridges.llm.serving import Wishes
from llmspell_core import CallContext, TextRecord, method

Size = Annotated[
    Annotated[str, Meta(pattern=r"^(auto|[0-9]{2,5}x[0-9]{2,5})$")] | None,
    "Width and height, such as `1024x1024`, or `auto`",
]
Word = Annotated[str, Meta(pattern=r"^[\w.:-]{1,100}$")]


class MakingMethods(LlmBase):
    """Images, speech, transcription."""

    @method(
        effects=("model",),
        example={"prompt": "An owl in the moonlight", "model": "openai/gpt-image-1"},
        returns="`images`, each with `url`, or `data` and `mime_type`; the first one's fields too",
    )
    async def images(
        self,
        prompt: Annotated[Annotated[str, Meta(min_length=1)], "What the image shows"],
        *,
        model: ModelName = None,
        provider: ProviderName = None,
        count: Annotated[Annotated[int, Meta(ge=1, le=10)] | None, "How many images"] = None,
        size: Size = None,
        quality: Annotated[Word | None, "The model's own word: `low`, `high`, `hd`, …"] = None,
        style: Annotated[Word | None, "The model's own word: `vivid`, `natural`, …"] = None,
        form: Annotated[
            Literal["url", "data"] | None, "Ask for addresses, or for the images themselves"
        ] = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Make images from a description."""
        forms = {"url": "url", "data": "b64_json"}
        given = {
            "prompt": str(prompt),
            "n": count,
            "size": size,
            "quality": quality,
            "style": style,
            "response_format": None if form is None else forms[form],
        }
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )
        return await self._flat(ctx, wishes, media.images(self.settings, _present(given)))

    @method(
        effects=("model",),
        example={"text": "Good morning", "model": "openai/tts-1", "voice": "alloy"},
        returns="`data`, the sound as bytes, and its `mime_type`; cost_usd, model, metadata",
    )
    async def speech(
        self,
        text: Annotated[Annotated[str, Meta(min_length=1)], "What to say"],
        voice: Annotated[Word, "Whose voice; names are the model's own"] = "alloy",
        *,
        model: ModelName = None,
        provider: ProviderName = None,
        form: Annotated[
            Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None, "The sound's format"
        ] = None,
        speed: Annotated[Annotated[float, Meta(ge=0.25, le=4)] | None, "1 is normal"] = None,
        instructions: Annotated[str | None, "How to say it, for models that take this"] = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Read a text aloud."""
        given = {
            "input": str(text),
            "voice": voice,
            "response_format": form,
            "speed": speed,
            "instructions": instructions,
        }
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )
        return await self._flat(ctx, wishes, media.speech(self.settings, _present(given)))

    @method(
        effects=("model",),
        example={"audio": b"RIFF....WAVE", "model": "openai/whisper-1"},
        returns="The text, with language, duration_s, segments, words where the provider has them",
    )
    async def transcription(
        self,
        audio: Annotated[bytes, "The sound, up to 16 MiB"],
        mime_type: Annotated[str | None, "Such as `audio/wav`; most tell it themselves"] = None,
        *,
        model: ModelName = None,
        provider: ProviderName = None,
        language: Annotated[Word | None, "The language spoken, such as `en`"] = None,
        prompt: Annotated[str | None, "Names and words that are likely to come"] = None,
        temperature: Annotated[Annotated[float, Meta(ge=0, le=1)] | None, "From 0 to 1"] = None,
        timestamps: Annotated[
            Literal["segment", "word"] | None, "When each part was said, where the model can"
        ] = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> TextRecord:
        """Write down what is said in a sound."""
        given = {
            "file": media.sound_file(audio, mime_type, ctx.where),
            "language": language,
            "prompt": prompt,
            "temperature": temperature,
            "response_format": None if timestamps is None else "verbose_json",
            "timestamp_granularities": None if timestamps is None else [timestamps],
        }
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )
        found = await self._flat(ctx, wishes, media.transcription(self.settings, _present(given)))
        text = found.pop("text")
        return TextRecord(text, found)


def _present(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
