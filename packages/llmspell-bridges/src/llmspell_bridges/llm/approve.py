"""The type of an argument that takes a function, or the word ``ask``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from llmspell_core import Callback

if TYPE_CHECKING:
    Approval: TypeAlias = Callback | Literal["ask"]
else:

    class _AnyOf(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, Callback) or value == "ask"

    class Approval(metaclass=_AnyOf):
        """A function or a word. msgspec takes no union of a type of ours and another."""

        type_name = "function or `ask`"

        @classmethod
        def model_json_schema(cls) -> dict[str, Any]:
            """Describe it to who reads schemas."""
            return {"anyOf": [{"description": "a function"}, {"enum": ["ask"]}]}
