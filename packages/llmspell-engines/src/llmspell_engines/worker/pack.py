"""MessagePack for the few records a worker's Python side writes itself: no codec to import."""

from __future__ import annotations

from struct import pack as _struct_pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Plain: TypeAlias = "str | int | dict[str, Plain] | None"


def pack(value: Plain) -> bytes:
    """Encode text, integers, None and small maps of them."""
    if value is None:
        return b"\xc0"
    if isinstance(value, str):
        data = value.encode("utf-8", "replace")
        return b"\xdb" + _struct_pack("!I", len(data)) + data
    if isinstance(value, int):
        return b"\xd3" + _struct_pack("!q", value)
    parts = [pack(item) for pair in value.items() for item in pair]
    return b"\xdf" + _struct_pack("!I", len(value)) + b"".join(parts)
