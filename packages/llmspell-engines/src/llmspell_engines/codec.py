"""MessagePack between values and bytes, bounded on the way in and strict in both directions.

A worker is hostile: 8 MB of empty maps would cost the host 570 MB once they are objects. So a
payload is *scanned* before it is decoded: headers are read, texts are skipped, nothing is built,
and a claim of too many values is refused where it is made.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import msgspec

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
)
from llmspell_engines.protocol import EXT_BUILDER, EXT_CALLBACK, EXT_HANDLE, EXT_TEXT_RECORD
from llmspell_engines.scan import WIDE_BYTES, Refused, Scan

if TYPE_CHECKING:
    from llmspell_core.values import Bounds, Value

SLICE = 2000
"""Values judged at once: 1.6 ms for nested lists, 0.2 ms for rows, measured on 2 shared cores."""
_MANY = 20_000
"""Values from which it pays to decode without the collector."""
_WIDER = 3
"""More bytes for each one of a long text that is not ASCII: it may take four once decoded."""
_NODE_BYTES = 200
"""The most that a value takes beside a long text: a map of one pair takes 300 in CPython 3.11."""

_ANSWER_EXTS = frozenset({EXT_HANDLE, EXT_TEXT_RECORD})
_ARGUMENT_EXTS = _ANSWER_EXTS | {EXT_CALLBACK, EXT_BUILDER}


class Reading:
    """One value sent by a worker, judged in slices before it is decoded.

    Call `go_on` until it says True, then `value`.
    """

    _refused: tuple[str, str] | None = None

    def __init__(
        self, payload: bytes, *, arguments: bool = False, bounds: Bounds = DEFAULT_BOUNDS
    ) -> None:
        """Judge nothing yet; `arguments` admits callbacks and builders."""
        exts = _ARGUMENT_EXTS if arguments else _ANSWER_EXTS
        self._payload = payload
        self._scan = Scan(payload, exts, bounds.depth, bounds.nodes)
        if len(payload) > bounds.message_bytes:
            self._refused = f"larger than {bounds.message_bytes:,} bytes", ""

    def go_on(self) -> bool:
        """Judge one more slice, of a millisecond at most; True once nothing is left to judge."""
        if self._refused is None:
            try:
                return self._scan.run(SLICE)
            except Refused as refused:
                self._refused = refused.what, refused.path()
        return True

    @property
    def references(self) -> bool:
        """Whether the value holds handles, callbacks, builders or text records."""
        return self._scan.references

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return len(self._payload)

    @property
    def weight(self) -> int:
        """Bytes of memory that the value may take, once decoded."""
        size, scan = len(self._payload), self._scan
        wide = scan.wide_bytes if size > WIDE_BYTES else size
        return size + _WIDER * wide + _NODE_BYTES * scan.used

    def value(self) -> Value:
        """Decode the value.

        Raises:
            ConversionError: the payload is malformed, larger than its bounds, or holds what cannot
                cross; `path` names the part (``messages[3].content``).
        """
        if self._refused is not None:
            raise _refusal(*self._refused)
        # 200,000 new lists make the collector run 300 times, for nothing: no cycle is among them
        without_gc = self._scan.used > _MANY and gc.isenabled()
        if without_gc:
            gc.disable()
        try:
            return _decoder.decode(self._payload)  # type: ignore[no-any-return]  # Any is Value here
        except UnicodeDecodeError:
            raise _refusal("text that is not UTF-8") from None
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, ValueError) as error:
            raise _refusal(f"malformed: {error}") from error
        finally:
            if without_gc:
                gc.enable()


def decode(payload: bytes, *, arguments: bool = False, bounds: Bounds = DEFAULT_BOUNDS) -> Value:
    """Read one value sent by a worker at once; see `Reading`.

    Raises:
        ConversionError: see `Reading.value`.
    """
    reading = Reading(payload, arguments=arguments, bounds=bounds)
    while not reading.go_on():
        pass
    return reading.value()


def encode(value: Value, *, bounds: Bounds = DEFAULT_BOUNDS) -> bytes:
    """Write one value for a worker.

    Raises:
        ConversionError: it holds what cannot cross: another type, a key that is no string, an
            integer beyond 64 bits, a cycle, or more than `bounds`; `path` names the part.
    """
    writer = _Writer(bounds)
    try:
        payload = msgspec.msgpack.encode(writer.lower(value, 0))
    except _Unfit as unfit:
        raise _refusal(unfit.what, unfit.path()) from None
    except UnicodeEncodeError:
        raise _refusal("text with a lone surrogate, which UTF-8 cannot hold") from None
    if len(payload) > bounds.message_bytes:
        raise _refusal(f"larger than {bounds.message_bytes:,} bytes")
    return payload


def _refusal(what: str, path: str = "") -> ConversionError:
    where = f" at `{path}`" if path else ""
    text = f"cannot convert value{where}: {what}"
    return ConversionError(text, path=path or None)


def _read_ext(code: int, data: memoryview) -> object:
    """Build a reference or a text record; the scan has already bounded `data`."""
    inner = _decoder.decode(data)
    match code, inner:
        case 1, [int(number), *_] if type(number) is int:
            return HandleRef(id=number)
        case 2, [int(number), str(name)] if type(number) is int:
            return CallbackRef(id=number, name=name)
        case 3, {"content": str(content)}:
            return TextRecord(content, inner)
        case 4, [str(bridge), str(builder), list(args), list(steps)]:
            pairs = [_read_step(step) for step in steps]
            return BuilderRef(bridge=bridge, builder=builder, args=args, steps=pairs)
    names = {1: "handle", 2: "callback", 3: "text record", 4: "builder"}
    text = f"a {names[code]} of the wrong shape"
    raise ValueError(text)


def _read_step(step: object) -> tuple[str, list[Any]]:
    match step:
        case [str(name), list(args)]:
            return name, args
    text = "a builder's step of the wrong shape"
    raise ValueError(text)


_decoder = msgspec.msgpack.Decoder(ext_hook=_read_ext)


class _Unfit(Exception):  # noqa: N818 - caught at once, and made an error
    """A value that cannot cross; callers add where it stands while it travels up."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.keys: list[str | int] = []

    def path(self) -> str:
        path = ""
        for key in reversed(self.keys):
            path = join_path(path, key)
        return path


class _Writer:
    """Checks a value and puts references into the form that travels, in one walk.

    Containers are copied only where something in them changes.
    """

    __slots__ = ("_depth", "_nodes", "_nodes_max")

    def __init__(self, bounds: Bounds) -> None:
        self._depth = bounds.depth
        self._nodes = self._nodes_max = bounds.nodes

    def lower(self, value: Any, depth: int) -> Any:
        """Return `value` ready for msgspec."""
        kind = type(value)
        if kind is str or value is None or kind is bool or kind is float or kind is bytes:
            return value
        if kind is int:
            if not INT_MIN <= value <= INT_MAX:
                raise _Unfit(f"an integer of {value.bit_length()} bits does not fit in 64")
            return value
        if depth >= self._depth:
            raise _Unfit(f"nested deeper than {self._depth} levels (a cycle?)")
        if kind is dict:
            return self._lower_dict(value, depth + 1)
        if kind is list or kind is tuple:
            return self._lower_list(value, depth + 1)
        return self._lower_other(value, depth + 1)

    def _count(self, more: int) -> None:
        self._nodes -= more
        if self._nodes < 0:
            raise _Unfit(f"more than {self._nodes_max:,} values")

    def _lower_list(self, items: list[Any] | tuple[Any, ...], depth: int) -> Any:
        self._count(len(items))
        changed: list[Any] | None = None
        for index, item in enumerate(items):
            if type(item) is str:
                continue
            try:
                lowered = self.lower(item, depth)
            except _Unfit as unfit:
                unfit.keys.append(index)
                raise
            if lowered is not item:
                if changed is None:
                    changed = list(items)
                changed[index] = lowered
        return items if changed is None else changed

    def _lower_dict(self, items: dict[Any, Any], depth: int) -> Any:
        self._count(2 * len(items))
        changed: dict[str, Any] | None = None
        for key, item in items.items():
            if type(key) is not str and not isinstance(key, str):
                raise _Unfit(f"a key must be a string, got {type(key).__name__}")
            if type(item) is str:
                continue
            try:
                lowered = self.lower(item, depth)
            except _Unfit as unfit:
                unfit.keys.append(key)
                raise
            if lowered is not item:
                if changed is None:
                    changed = dict(items)
                changed[key] = lowered
        return items if changed is None else changed

    def _lower_other(self, value: Any, depth: int) -> Any:
        if isinstance(value, TextRecord):
            fields = {**value.fields, "content": str.__str__(value)}
            return _ext(EXT_TEXT_RECORD, self._lower_dict(fields, depth))
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, HandleRef):
            return _ext(EXT_HANDLE, [value.id, value.type, value.methods])
        if isinstance(value, CallbackRef):
            return _ext(EXT_CALLBACK, [value.id, value.name])
        if isinstance(value, BuilderRef):
            parts = [value.bridge, value.builder, value.args, value.steps]
            return _ext(EXT_BUILDER, self._lower_list(parts, depth))
        raise _Unfit(f"a {type(value).__name__} cannot cross to a script")


def _ext(code: int, data: object) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, msgspec.msgpack.encode(data))
