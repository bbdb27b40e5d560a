"""Converting an encoder's weights to GGUF."""

from __future__ import annotations

import io
import json
import struct

import pytest

from llmspell_bridges.local.gguf import convert_bert


def safetensors(dtype: str, data: bytes) -> io.BytesIO:
    """Write a file of one tensor of two by four numbers."""
    entry = {"dtype": dtype, "shape": [2, 4], "data_offsets": [0, 32]}
    header = json.dumps({"embeddings.word_embeddings.weight": entry}).encode()
    return io.BytesIO(struct.pack("<Q", len(header)) + header + data)


def test_other_number_formats_are_refused() -> None:
    """Weights in 16 bits are refused by name, not misread as 32."""
    with pytest.raises(ValueError, match=r"embeddings\.word_embeddings\.weight is F16, not F32"):
        convert_bert(
            safetensors("F16", bytes(32)), "", io.BytesIO(), name="x", context_tokens=8, heads=1
        )
