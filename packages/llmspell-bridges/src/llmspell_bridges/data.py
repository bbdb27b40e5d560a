"""The type of an argument that takes text or bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Data: TypeAlias = str | bytes
else:

    class _AnyOf(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, (str, bytes))

    class Data(metaclass=_AnyOf):
        """Text or bytes. msgspec takes no `str | bytes`: to JSON, both are strings."""

        type_name = "string or bytes"

        @classmethod
        def model_json_schema(cls) -> dict[str, Any]:
            """Describe it to who reads schemas."""
            return {"anyOf": [{"type": "string"}, {"type": "string", "format": "binary"}]}


def as_bytes(data: Data) -> bytes:
    """Return `data` as bytes; text becomes UTF-8."""
    return data.encode() if isinstance(data, str) else data
