"""The JSON Schema of case files, made from the types that read them.

``python -m llmspell_testkit.schema`` prints it; a copy lies beside the cases, for editors.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import msgspec

from llmspell_testkit.case import CaseFile
from llmspell_testkit.tagged import TAGS

FILE = "case.schema.json"

_TAG_SCHEMAS: dict[str, dict[str, Any]] = {
    "$null": {"const": True},
    "$int": {"type": "string", "pattern": "^-?[0-9]+$"},
    "$float": {"enum": ["nan", "inf", "-inf", "-0.0"]},
    "$bytes": {"type": "string", "pattern": "^([0-9a-fA-F]{2})*$"},
    "$text": {
        "type": "object",
        "properties": {"repeat": {"type": "string"}, "times": {"type": "integer"}},
        "required": ["repeat", "times"],
        "additionalProperties": False,
    },
    "$map": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}},
    "$match": {"type": "string", "format": "regex"},
    "$type": {"enum": ["null", "bool", "int", "float", "text", "bytes", "list", "map"]},
}


def case_schema() -> dict[str, Any]:
    """Describe a case file, tagged values included."""
    (schema,), definitions = msgspec.json.schema_components(
        [CaseFile], ref_template="#/$defs/{name}"
    )
    _settle(definitions)
    ref = {"$ref": "#/$defs/tagged"}
    tags = [
        {
            "type": "object",
            "properties": {tag: _TAG_SCHEMAS[tag]},
            "required": [tag],
            "additionalProperties": False,
        }
        for tag in TAGS
    ]
    plain = {
        "type": "object",
        "propertyNames": {"pattern": r"^(?!\$)"},
        "additionalProperties": ref,
    }
    definitions["tagged"] = {
        "description": "A value: as TOML has it, or tagged where TOML lacks it",
        "anyOf": [
            {"type": ["boolean", "integer", "number", "string"]},
            {"type": "array", "items": ref},
            *tags,
            plain,
        ],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Cases of the llmspell engine contract",
        **schema,
        "$defs": definitions,
    }


def _settle(node: Any) -> None:
    """Write the same on every Python and msgspec.

    Python 3.13 takes the indentation off a docstring; msgspec 0.22 puts unions in another order.
    """
    if isinstance(node, list):
        for item in node:
            _settle(item)
    elif isinstance(node, dict):
        if isinstance(node.get("description"), str):
            node["description"] = inspect.cleandoc(node["description"])
        if "anyOf" in node:
            node["anyOf"].sort(key=json.dumps)
        for item in node.values():
            _settle(item)


def schema_text() -> str:
    """Write the schema as it lies beside the cases."""
    return json.dumps(case_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
