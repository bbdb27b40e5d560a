"""The settings that are one value each: their place in a file, their option, their variable.

They are the fields of the core's own records, so a limit added there is a setting here. The name
of a variable follows from the option (``--max-cost``: ``LLMSPELL_MAX_COST``), and for what has no
option from the key (``agent_steps``: ``LLMSPELL_AGENT_STEPS``): flat, since no two sections share
a key. Aliases, providers and prices have no variables: they belong in a file.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmspell_core.budget import Budget
from llmspell_core.limits import FIELD_OPTIONS, Limits
from llmspell_core.permissions import Permissions

_OPTIONS = {
    **{field: option.removeprefix("--") for field, option in FIELD_OPTIONS.items()},
    "cost_usd": "max-cost",
    "tokens": "max-tokens",
    "llm_calls": "max-llm-calls",
    "tool_calls": "max-tool-calls",
}
_KINDS = {"s": "seconds", "bytes": "bytes", "usd": "usd"}
"""What a key's unit, its last word, makes of it; all else is a count."""

RECORDS: dict[str, type[msgspec.Struct]] = {
    "limits": Limits,
    "budget": Budget,
    "permissions": Permissions,
}
MODEL_VARIABLE = "LLMSPELL_MODEL"
OTHER_VARIABLES = (
    "LLMSPELL_CACHE_DIR",
    "LLMSPELL_CONFIG_DIR",
    "LLMSPELL_MODELS_FROM",
    "LLMSPELL_STATE_DIR",
)
"""Variables of llmspell that are no settings: they say where things are."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One setting; `kind` is seconds, bytes, usd, count or grant, `option` has no dashes before.

    `unlimited` says whether it may be None.
    """

    section: str
    name: str
    kind: str
    option: str | None
    unlimited: bool
    default: Any

    @property
    def path(self) -> tuple[str, str]:
        """Its place in a file."""
        return (self.section, self.name)

    @property
    def parameter(self) -> str:
        """The option's name in Python; empty without an option."""
        return (self.option or "").replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"LLMSPELL_{(self.parameter or self.name).upper()}"


def _keys() -> tuple[Key, ...]:
    found = []
    for section, record in RECORDS.items():
        defaults = record()
        for name in record.__struct_fields__:
            grant = section == "permissions"
            found.append(
                Key(
                    section=section,
                    name=name,
                    kind="grant" if grant else _KINDS.get(name.rpartition("_")[2], "count"),
                    option=f"allow-{name}" if grant else _OPTIONS.get(name),
                    unlimited="None" in str(record.__annotations__[name]),
                    default=getattr(defaults, name),
                )
            )
    return tuple(found)


KEYS = _keys()
