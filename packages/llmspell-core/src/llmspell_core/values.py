"""What can cross between a script and the host, and the bounds on it.

null, bool, int (signed 64-bit), float, str, bytes, list, dict with string keys, and the four
references below. See `docs/protocol.md`, "Values".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, Union

import msgspec

from llmspell_core.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class TextRecord(str):
    """A text with named fields, such as an agent's answer: a `str` that also has `fields`.

    `content` is the text itself. A script sees both at once; a bridge argument of type `str`
    accepts it; as a spell's result it becomes its fields.
    """

    __slots__ = ("fields",)
    fields: dict[str, Value]

    def __new__(cls, content: str, fields: Mapping[str, Value] | None = None) -> Self:
        """Make a record of `content` and further `fields`."""
        record = super().__new__(cls, content)
        record.fields = {**(fields or {}), "content": content}
        return record

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy with the fields (`copy.deepcopy` would otherwise lose them)."""
        return (TextRecord, (str(self), self.fields))


class HandleRef(msgspec.Struct, frozen=True):
    """A host-side object that a script holds by number; `methods` maps a name to its flags."""

    id: int
    type: str = ""
    methods: dict[str, int] = {}


class CallbackRef(msgspec.Struct, frozen=True):
    """A script function that the host holds by number."""

    id: int
    name: str = ""


class BuilderRef(msgspec.Struct, frozen=True):
    """A builder's recorded calls: what it was made from, and each step with its arguments."""

    bridge: str
    builder: str
    args: list[Any]
    steps: list[tuple[str, list[Any]]]


class Foreign(msgspec.Struct, frozen=True):
    """Stands for something of a script's that cannot cross: its kind there, and its text.

    An engine leaves it in the value, where the thing was, so that whoever refuses it can say where.
    """

    kind: str
    text: str = ""


Value: TypeAlias = Union[
    bool,
    int,
    float,
    str,
    bytes,
    TextRecord,
    HandleRef,
    CallbackRef,
    BuilderRef,
    "list[Value]",
    "dict[str, Value]",
    None,
]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How large one crossing value may be."""

    depth: int = 64
    nodes: int = 200_000
    message_bytes: int = 16 * 1024 * 1024


DEFAULT_BOUNDS = Bounds()


def join_path(path: str, key: str | int) -> str:
    """Extend an error's path: ``messages`` and ``3`` give ``messages[3]``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not key.isidentifier():
        whole = key.encode("utf-8", "replace")
        return f"{path}[{msgspec.json.encode(whole.decode()).decode()}]"
    return f"{path}.{key}" if path else key


_REFERENCES = {HandleRef: "handle", CallbackRef: "function", BuilderRef: "builder"}
"""What people call them."""


class _Checker:
    """Counts nodes and bytes while walking one value."""

    def __init__(self, bounds: Bounds, *, references: bool) -> None:
        self.bounds = bounds
        self.references = references
        self.nodes = 0
        self.bytes = 0

    def walk(self, value: object, path: str, depth: int) -> None:
        self.count(path, depth)
        if value is None or isinstance(value, (bool, float)):
            return
        if isinstance(value, (int, str, bytes)) and not isinstance(value, TextRecord):
            self.leaf(value, path)
        elif isinstance(value, TextRecord):
            self.walk_dict(value.fields, path, depth)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.walk(item, join_path(path, index), depth + 1)
        elif isinstance(value, dict):
            self.walk_dict(value, path, depth)
        elif isinstance(value, (HandleRef, CallbackRef, BuilderRef)):
            self.reference(value, path, depth)
        elif isinstance(value, Foreign):
            self.refuse(f"a {value.kind} cannot cross", path)
        else:
            self.refuse(f"a {type(value).__name__} cannot cross to a script", path)

    def reference(self, value: HandleRef | CallbackRef | BuilderRef, path: str, depth: int) -> None:
        if not self.references:
            self.refuse(f"a {_REFERENCES[type(value)]} means nothing outside the run", path)
        if isinstance(value, BuilderRef):
            self.walk(value.args, path, depth + 1)
            for name, args in value.steps:
                self.walk(args, join_path(path, name), depth + 1)

    def count(self, path: str, depth: int) -> None:
        self.nodes += 1
        if depth > self.bounds.depth:
            self.refuse(f"nested deeper than {self.bounds.depth} levels (a cycle?)", path)
        if self.nodes > self.bounds.nodes:
            self.refuse(f"more than {self.bounds.nodes:,} values", path)

    def leaf(self, value: int | str | bytes, path: str) -> None:
        if isinstance(value, int):
            if not INT_MIN <= value <= INT_MAX:
                self.refuse(f"integer {value} does not fit in 64 bits", path)
            return
        self.bytes += len(value)
        if self.bytes > self.bounds.message_bytes:
            self.refuse(f"larger than {self.bounds.message_bytes:,} bytes", path)

    def walk_dict(self, value: dict[Any, Any], path: str, depth: int) -> None:
        for key, item in value.items():
            if not isinstance(key, str):
                self.refuse(f"a key must be a string, got {type(key).__name__}", path)
            self.bytes += len(key)
            self.walk(item, join_path(path, key), depth + 1)

    def refuse(self, what: str, path: str) -> None:
        where = f" at `{path}`" if path else ""
        text = f"cannot convert value{where}: {what}"
        raise ConversionError(text, path=path or None)


def check_value(
    value: object,
    *,
    bounds: Bounds = DEFAULT_BOUNDS,
    path: str = "",
    references: bool = True,
) -> None:
    """Refuse what cannot cross: a wrong type, an integer beyond 64 bits, too deep, too much.

    Without `references` it refuses handles, functions and builders too: a result has none.

    Raises:
        ConversionError: its `path` names the part, such as ``messages[3].content``.
    """
    _Checker(bounds, references=references).walk(value, path, 0)


def plain(value: Value) -> Value:
    """Turn text records into their fields, all the way down: the form of a spell's result."""
    if isinstance(value, TextRecord):
        return {key: plain(item) for key, item in value.fields.items() if item is not value}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
