"""How values cross between a spell in Python and the host: the part that most defects spoil."""

from __future__ import annotations

from typing import Any

from snake_objects import Handle, Making, Pending, Proxy

from llmspell_core.errors import ConversionError
from llmspell_core.values import (
    DEFAULT_BOUNDS,
    INT_MAX,
    INT_MIN,
    BuilderRef,
    CallbackRef,
    HandleRef,
    TextRecord,
    join_path,
    plain,
)


class Values:
    """Converts, and numbers the spell's functions and the host's objects."""

    def __init__(self) -> None:
        self.functions: dict[int, Any] = {}
        self.objects: dict[int, Handle] = {}
        self._nodes = 0
        self._references = True

    # -- to the script ----------------------------------------------------------------------------

    def to_script(self, value: Any) -> Any:
        if isinstance(value, HandleRef):
            return self.handle(value)
        if isinstance(value, TextRecord):
            return self.record_to(value)
        if isinstance(value, list):
            return self.list_to(value)
        if isinstance(value, dict):
            return self.map_to(value)
        return self.scalar_to(value)

    def needs(self, capability: str) -> None:
        """Refuse what the engine declines."""

    def scalar_to(self, value: Any) -> Any:
        if isinstance(value, bytes) and not value.isascii():
            self.needs("binary")
        if type(value) is int and abs(value) > 2**53:
            self.needs("int64")
        return value

    def list_to(self, value: list[Any]) -> Any:
        return [self.to_script(item) for item in value]

    def map_to(self, value: dict[str, Any]) -> Any:
        return {key: self.to_script(item) for key, item in value.items()}

    def record_to(self, value: TextRecord) -> Any:
        self.needs("text_records")
        return value

    def handle(self, ref: HandleRef) -> Any:
        """Give the same object for the same number."""
        self.needs("streams" if ref.type == "stream" else "handles")
        if ref.id not in self.objects:
            self.objects[ref.id] = Handle(self, ref)
        return self.objects[ref.id]

    # -- from the script --------------------------------------------------------------------------

    def from_script(self, value: Any, *, references: bool = True) -> Any:
        self._nodes = 0
        self._references = references
        made = self.take(value, "", 0)
        return made if references else self.plain(made, "")

    def take(self, value: Any, path: str, depth: int) -> Any:  # noqa: C901, PLR0911 - one line for each kind
        self._nodes += 1
        if depth > DEFAULT_BOUNDS.depth or self._nodes > DEFAULT_BOUNDS.nodes:
            self.refuse("deeper than 64 levels, or too many values", path)
        if value is None or isinstance(value, (bool, int, float, bytes)):
            return self.scalar_from(value, path)
        if isinstance(value, TextRecord):
            return value
        if isinstance(value, str):
            return self.text_from(value, path)
        if isinstance(value, (list, tuple)):
            items = [self.take(v, join_path(path, i), depth + 1) for i, v in enumerate(value)]
            return self.list_from(items)
        if isinstance(value, dict):
            return self.map_from(self.items(value, path, depth))
        if isinstance(value, (set, frozenset)):
            return self.list_from([self.take(v, path, depth + 1) for v in sorted(value)])
        if isinstance(value, Handle):
            return HandleRef(value.ref.id)
        if isinstance(value, Making):
            return value.built(self, path, depth)
        if self._references and callable(value) and not isinstance(value, (type, Pending, Proxy)):
            return self.callback(value)
        return self.refuse(f"a {type(value).__name__} cannot cross", path)

    def items(self, value: dict[Any, Any], path: str, depth: int) -> dict[str, Any]:
        for key in value:
            if not isinstance(key, str):
                self.refuse(f"a key must be a text, not a {type(key).__name__}", path)
            self.text_from(key, path)
        return {
            key: self.take(value[key], join_path(path, key), depth + 1)
            for key in self.ordered(value)
        }

    def ordered(self, keys: Any) -> list[str]:
        return sorted(keys)

    def scalar_from(self, value: Any, path: str) -> Any:
        if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
            self.refuse("an integer beyond 64 bits", path)
        return value

    def text_from(self, value: str, path: str) -> Any:
        if not value.isascii() and value.encode("utf-8", "replace").decode() != value:
            self.refuse("half a surrogate pair", path)
        return str(value)

    def list_from(self, items: list[Any]) -> Any:
        return items

    def map_from(self, items: dict[str, Any]) -> Any:
        return items

    def callback(self, function: Any) -> CallbackRef:
        """Number a function; the same one keeps its number."""
        self.needs("callbacks")
        for number, known in self.functions.items():
            if known is function:
                return CallbackRef(number, getattr(function, "__name__", ""))
        number = len(self.functions) + 1
        self.functions[number] = function
        return CallbackRef(number, getattr(function, "__name__", ""))

    def plain(self, value: Any, path: str) -> Any:
        """Refuse in a result what only a call's arguments may hold."""
        if isinstance(value, (HandleRef, CallbackRef, BuilderRef)):
            self.refuse("it has no meaning outside the run", path)
        if isinstance(value, list):
            return [self.plain(item, join_path(path, i)) for i, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: self.plain(item, join_path(path, key)) for key, item in value.items()}
        return plain(value)

    def refuse(self, what: str, path: str) -> Any:
        text = f"cannot convert value at `{path}`: {what}"
        raise ConversionError(text, path=path or None)
