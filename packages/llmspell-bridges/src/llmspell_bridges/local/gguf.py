"""Turn a BERT sentence encoder's safetensors into the GGUF file that llama.cpp loads.

Standard library only, and the same bytes every time, so that the result has a known hash. Sources:
the GGUF specification (version 3), the safetensors format, and the metadata keys and tensor names
of llama.cpp's architecture ``bert``.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Metadatum = bool | int | float | str | list[str] | list[int]

ALIGNMENT = 32
COPY_BYTES = 1 << 20
F32 = 0
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
MEAN_POOLING = 1
NORMAL_TOKEN, UNKNOWN_TOKEN, CONTROL_TOKEN = 1, 2, 3

_OUTER = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.LayerNorm": "token_embd_norm",
}
_INNER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_SPECIAL_IDS = {
    "unknown": "[UNK]",
    "cls": "[CLS]",
    "bos": "[CLS]",
    "seperator": "[SEP]",  # spelt so in GGUF
    "eos": "[SEP]",
    "padding": "[PAD]",
    "mask": "[MASK]",
}


class Tensor:
    """One tensor of a safetensors file: its GGUF name, its shape, and where its bytes lie."""

    __slots__ = ("length", "name", "offset", "shape")

    def __init__(self, name: str, shape: list[int], offset: int, length: int) -> None:
        """Keep `offset` and `length` in bytes, counted in the safetensors file."""
        self.name = name
        self.shape = shape
        self.offset = offset
        self.length = length


def convert_bert(
    weights: BinaryIO, vocabulary: str, out: BinaryIO, *, name: str, context_tokens: int, heads: int
) -> None:
    """Write to `out` the GGUF of the BERT encoder in `weights`, whose WordPieces are `vocabulary`.

    Raises:
        ValueError: `weights` is not a safetensors file of 32-bit floats of a BERT encoder.
    """
    tensors = list(_tensors(weights))
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    metadata: dict[str, Metadatum] = {
        "general.architecture": "bert",
        "general.name": name,
        "general.file_type": F32,
        "bert.block_count": sum(key.endswith(".ffn_up.weight") for key in shapes),
        "bert.context_length": context_tokens,
        "bert.embedding_length": shapes["token_embd.weight"][1],
        "bert.feed_forward_length": shapes["blk.0.ffn_up.weight"][0],
        "bert.attention.head_count": heads,
        "bert.attention.layer_norm_epsilon": 1e-12,
        "bert.attention.causal": False,
        "bert.pooling_type": MEAN_POOLING,
        **_tokenizer(vocabulary.splitlines()),
        "tokenizer.ggml.token_type_count": shapes["token_types.weight"][0],
    }
    _write(out, metadata, tensors, weights)


def _tensors(weights: BinaryIO) -> Iterator[Tensor]:
    """Read a safetensors header: 8 bytes of length, then JSON; offsets count from its end."""
    (length,) = struct.unpack("<Q", weights.read(8))
    header = json.loads(weights.read(length))
    for source, entry in sorted(header.items()):
        target = _name(source)
        if target is None:
            continue
        if entry["dtype"] != "F32":
            text = f"tensor {source} is {entry['dtype']}, not F32"
            raise ValueError(text)
        start, end = entry["data_offsets"]
        yield Tensor(target, entry["shape"], 8 + length + start, end - start)


def _name(source: str) -> str | None:
    """Translate a tensor's name; None for what an encoder does not need (pooler, position ids)."""
    stem, _, kind = source.rpartition(".")
    if stem in _OUTER:
        return f"{_OUTER[stem]}.{kind}"
    match stem.split(".", 3):
        case ["encoder", "layer", number, inner] if inner in _INNER:
            return f"blk.{number}.{_INNER[inner]}.{kind}"
    return None


def _tokenizer(pieces: Sequence[str]) -> dict[str, Metadatum]:
    """Describe the WordPiece tokenizer; llama.cpp marks a word's start where BERT marks the rest."""
    tokens: list[str] = []
    kinds: list[int] = []
    for piece in pieces:
        if piece.startswith("[") and piece.endswith("]"):
            tokens.append(piece)
            kinds.append(UNKNOWN_TOKEN if piece == "[UNK]" else CONTROL_TOKEN)
        else:
            tokens.append(piece[2:] if piece.startswith("##") else "\u2581" + piece)
            kinds.append(NORMAL_TOKEN)
    ids = {f"tokenizer.ggml.{key}_token_id": pieces.index(it) for key, it in _SPECIAL_IDS.items()}
    return {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        **ids,
    }


def _write(
    out: BinaryIO, metadata: Mapping[str, Metadatum], tensors: Sequence[Tensor], data: BinaryIO
) -> None:
    """Write header, metadata, tensor table, then the tensors, each aligned to 32 bytes."""
    out.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    out.writelines(_text(key) + _typed(value) for key, value in metadata.items())
    position = 0
    for tensor in tensors:
        dimensions = tensor.shape[::-1]  # GGUF lists the fastest dimension first
        out.write(_text(tensor.name) + struct.pack("<I", len(dimensions)))
        out.write(struct.pack(f"<{len(dimensions)}QIQ", *dimensions, F32, position))
        position += tensor.length + -tensor.length % ALIGNMENT
    out.write(bytes(-out.tell() % ALIGNMENT))
    for tensor in tensors:
        data.seek(tensor.offset)
        left = tensor.length
        while left:
            block = data.read(min(left, COPY_BYTES))
            if not block:
                text = f"the weights end inside tensor {tensor.name}"
                raise ValueError(text)
            out.write(block)
            left -= len(block)
        out.write(bytes(-tensor.length % ALIGNMENT))


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _typed(value: Metadatum) -> bytes:
    """Encode a metadata value behind its type's number."""
    if isinstance(value, bool):
        return struct.pack("<I?", BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _text(value)
    kind = STRING if value and isinstance(value[0], str) else INT32
    items = (_text(it) if isinstance(it, str) else struct.pack("<i", it) for it in value)
    return struct.pack("<IIQ", ARRAY, kind, len(value)) + b"".join(items)
