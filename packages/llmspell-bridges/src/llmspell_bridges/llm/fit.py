"""An answer's value against the schema that its request asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm import errors
from llmspell_bridges.schema import MAX_BYTES, Misfit, UncheckableError, find_misfit

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
    result = "checked"
    try:
        found = await _misfit(schema, fields["data"], text)
    except UncheckableError:
        found, result = None, "unchecked"
    if found is not None:
        raise errors.misfit(model, text, fields["finish_reason"], str(found))
    fields["metadata"] = {**fields["metadata"], "schema": result}


async def _misfit(schema: dict[str, Any], value: Any, text: str) -> Misfit | None:
    if max(len(msgspec.json.encode(schema)), len(text)) > MAX_BYTES:
        raise UncheckableError
    return await find_misfit(schema, value)
