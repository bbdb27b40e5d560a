"""The JSON Schema of a report, made from the types that are written.

``python -m llmspell_testkit.conformance.schema`` prints it; a copy is packaged, for who reads reports.
"""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import Any

import msgspec

from llmspell_testkit.conformance.records import Report

FILE = "report.schema.json"


def report_schema() -> str:
    """Describe a report, as the text of the packaged file."""
    schema = msgspec.json.schema(Report)
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**dialect, **schema}, indent=2) + "\n"


def packaged() -> dict[str, Any]:
    """Return the packaged schema."""
    file = resources.files("llmspell_testkit.conformance").joinpath(FILE)
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


if __name__ == "__main__":
    sys.stdout.write(report_schema())
