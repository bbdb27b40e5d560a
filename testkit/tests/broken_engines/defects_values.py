"""Engines that change values on their way."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from defects import defect
from snake import Run

from llmspell_core.errors import ConversionError
from llmspell_core.values import HandleRef, TextRecord

if TYPE_CHECKING:
    from collections.abc import Sequence


@defect("values-int-negative", "values-int-64", "values-from-host-int64")
class NarrowInts(Run):
    """Keeps 32 bits of an integer."""

    def scalar_from(self, value: Any, path: str) -> Any:
        if type(value) is int:
            return (value + 2**31) % 2**32 - 2**31
        return value


@defect("values-int-64", "values-from-host-int64")
class RoundedInts(Run):
    """Keeps the 53 bits of an integer that a float has."""

    def scalar_from(self, value: Any, path: str) -> Any:
        if type(value) is int and abs(value) > 2**53:
            return max(-(2**63), min(int(float(value)), 2**63 - 1))
        return value


@defect("values-from-host-int64")
class RoundedAnswers(Run):
    """Rounds the host's integers to floats."""

    def scalar_to(self, value: Any) -> Any:
        return float(value) if type(value) is int and abs(value) > 2**53 else value


@defect(
    "values-int",
    "builders-run",
    "callbacks-closure",
    "calls-add",
    "handles-methods",
    "includes-function",
    "includes-once",
    "limits-calls-in-flight-are-no-more",
    "limits-handles-are-held-at-once",
    "syntax-crlf",
    "test_a_bridge_comes_and_goes",
    "test_a_failure_leaves_nothing",
)
class FloatResults(Run):
    """Gives a whole result as a float."""

    def result(self, value: Any) -> Any:
        made = super().result(value)
        return float(made) if type(made) is int else made


@defect("values-int-too-big")
class WrappedInts(Run):
    """Wraps what is beyond 64 bits."""

    def scalar_from(self, value: Any, path: str) -> Any:
        return -(2**63) if value == 2.0**63 else value


@defect("values-float-whole")
class WholeFloats(Run):
    """Makes an integer of a float that has no fraction."""

    def scalar_from(self, value: Any, path: str) -> Any:
        whole = isinstance(value, float) and value.is_integer() and 0 < value < 2**60
        return int(value) if whole else value


@defect("values-float-special", "values-float-nan-is-no-null")
class NanIsNull(Run):
    """Writes NaN as JSON does: not at all."""

    def scalar_from(self, value: Any, path: str) -> Any:
        return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


@defect("values-float-minus-zero")
class UnsignedZero(Run):
    """Loses the sign of zero."""

    def scalar_from(self, value: Any, path: str) -> Any:
        return 0.0 if isinstance(value, float) and value == 0 else value


@defect("values-float", "values-float-whole", "values-int-too-big")
class ShortFloats(Run):
    """Keeps seven digits of a float."""

    def scalar_from(self, value: Any, path: str) -> Any:
        return float(f"{value:.7g}") if isinstance(value, float) else value


@defect("values-booleans")
class NumericBooleans(Run):
    """Makes numbers of a result's booleans."""

    def result(self, value: Any) -> Any:
        made = super().result(value)
        return [int(item) for item in made] if made == [True, False] else made


@defect("values-null-in-containers", "callbacks-values", "params-types", "values-from-host-null")
class LostNulls(Run):
    """Drops the nulls of a list."""

    def list_from(self, items: list[Any]) -> Any:
        return [item for item in items if item is not None]


@defect("values-null-in-containers", "params-round-trip", "values-from-host-null")
class LostNullKeys(Run):
    """Drops the keys of a map whose value is null."""

    def map_from(self, items: dict[str, Any]) -> Any:
        return {key: item for key, item in items.items() if item is not None}


@defect("values-from-host-null", "params-round-trip")
class LostAnswerNulls(Run):
    """Drops null from the host's maps."""

    def map_to(self, value: dict[str, Any]) -> Any:
        return super().map_to({k: v for k, v in value.items() if v is not None})


@defect("values-map-keys-sorted")
class UnsortedKeys(Run):
    """Sends the keys of a map in the order the script made them."""

    def ordered(self, keys: Any) -> list[str]:
        return list(keys)


@defect("values-from-host-map-order")
class SortedAnswers(Run):
    """Sorts the keys of the host's maps."""

    def map_to(self, value: dict[str, Any]) -> Any:
        return super().map_to(dict(sorted(value.items())))


@defect("values-bytes", "values-bytes-identity")
class BytesAsText(Run):
    """Decodes bytes as if they were Latin 1."""

    def scalar_from(self, value: Any, path: str) -> Any:
        return value.decode("latin-1") if isinstance(value, bytes) else value


@defect("values-bytes-identity")
class ReadableBytes(Run):
    """Takes bytes for text where they can be read."""

    def scalar_from(self, value: Any, path: str) -> Any:
        if isinstance(value, bytes) and value.isascii():
            return value.decode()
        return value


@defect("values-text-long")
class CutText(Run):
    """Cuts a text after a mebibyte."""

    def text_from(self, value: str, path: str) -> Any:
        return super().text_from(value[: 2**20], path)


@defect("values-text-control")
class CText(Run):
    """Ends a text at its first NUL."""

    def text_from(self, value: str, path: str) -> Any:
        return super().text_from(value.partition("\0")[0], path)


@defect("values-text-not-normalized")
class NormalText(Run):
    """Normalizes text."""

    def text_from(self, value: str, path: str) -> Any:
        return super().text_from(unicodedata.normalize("NFC", value), path)


@defect("values-list-empty", "params-round-trip")
class EmptyMaps(Run):
    """Takes an empty list for an empty map."""

    def list_from(self, items: list[Any]) -> Any:
        return items or {}


@defect("values-map-empty", "params-round-trip")
class EmptyLists(Run):
    """Takes an empty map for an empty list."""

    def map_from(self, items: dict[str, Any]) -> Any:
        return items or []


@defect("values-list", "values-copy")
class FlatLists(Run):
    """Takes a list of one item for that item."""

    def list_from(self, items: list[Any]) -> Any:
        return items[0] if len(items) == 1 and type(items[0]) is int else items


@defect("values-map-like-tags")
class ReadTags(Run):
    """Takes a map of a script's for its own tag."""

    def map_from(self, items: dict[str, Any]) -> Any:
        return HandleRef(items["id"]) if items.get("$t") == "handle" else items


@defect("values-too-deep", "values-catch-conversion", "values-cycle")
class BottomlessValues(Run):
    """Follows a value as deep as it goes."""

    def take(self, value: Any, path: str, depth: int) -> Any:
        return super().take(value, path, min(depth, 60))


@defect("values-conversion-path")
class PathlessErrors(Run):
    """Does not say which part of a value cannot cross."""

    def refuse(self, what: str, path: str) -> Any:
        raise ConversionError(what)


@defect("values-cycle", "values-catch-conversion")
class FollowedCycles(Run):
    """Lets a cycle out as an error of its own."""

    def refuse(self, what: str, path: str) -> Any:
        if "me.me.me" in path:
            raise RecursionError
        return super().refuse(what, path)


@defect("text-records-fields", "text-records-returned")
class PlainRecords(Run):
    """Drops the fields of a text record."""

    def record_to(self, value: TextRecord) -> Any:
        return TextRecord(str(value))


@defect("text-records-returned")
class TextResults(Run):
    """Returns a text record as its text alone."""

    def plain(self, value: Any, path: str) -> Any:
        return str(value) if isinstance(value, TextRecord) else super().plain(value, path)


@defect("calls-keyword-arguments")
class PositionalArguments(Run):
    """Drops the map that gives arguments by name."""

    def start(self, target: str | int, method: str, args: Sequence[Any]) -> Any:
        named = bool(args) and method == "options" and isinstance(args[-1], dict)
        return super().start(target, method, args[:-1] if named else args)
