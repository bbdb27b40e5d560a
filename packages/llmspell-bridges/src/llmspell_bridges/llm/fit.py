"""An answer's value against the schema that its request asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm import errors
from llmspell_bridges.llm.schema import misfit

if TYPE_CHECKING:
    from llmspell_bridges.llm.models import Model
    from llmspell_core import TextRecord


async def checked(answer: TextRecord, arguments: dict[str, Any], model: Model) -> None:
    """Check `data` against the request's JSON Schema; `metadata.schema` says whether it could be.

    Raises:
        BadResponseError: it does not fit, and where.
    """
    fields: dict[str, Any] = answer.fields
    form = arguments.get("response_format") or {}
    schema = form.get("json_schema", {}).get("schema")
    if schema is None or "data" not in fields:
        return
    text = fields["message"]["content"]
    size = len(msgspec.json.encode(schema))
    found = await asyncio.to_thread(misfit, schema, size, fields["data"], len(text))
    if found:
        raise errors.misfit(model, text, fields["finish_reason"], found)
    result = "unchecked" if found is None else "checked"
    fields["metadata"] = {**fields["metadata"], "schema": result}
