"""A host without any setting or key: the small model of this machine answers."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_bridges.llm import LlmBridge
from llmspell_core import Session
from llmspell_core.dispatch import call

pytestmark = pytest.mark.anyio


async def test_the_default_model_needs_no_key_and_costs_nothing() -> None:
    """Whole, as JSON, and embedded; the child process ends with the bridge."""
    bridge = LlmBridge()
    await bridge.open()
    session = Session(bridges={"llm": bridge})
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    answer: Any = await call(session, "llm", "complete", ["2 + 2?", {"schema": schema}])
    assert isinstance(answer.fields["data"]["n"], int)
    assert answer.fields["model"] == "local/smollm2"
    assert answer.fields["cost_usd"] == 0
    assert answer.fields["usage"]["completion_tokens"] > 0
    vectors: Any = await call(session, "llm", "embed", [["owl", "eagle"]])
    assert (len(vectors["embeddings"]), vectors["dimensions"]) == (2, 384)
    await session.close()
    await bridge.close()
