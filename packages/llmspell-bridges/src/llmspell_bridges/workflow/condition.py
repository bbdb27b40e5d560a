"""Conditions as data: ``{step = "review", equals = "good"}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from llmspell_core import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TESTS = ("equals", "not_equals", "contains", "gt", "lt", "exists", "status")


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one value has to be; where several tests are given, all of them must hold.

    The value is the output of the step `step`, or the input `input`; `field` is a path below it,
    such as ``score`` or ``items.0.name``. `status` tests the step's status instead.
    """

    step: str | None = None
    input: str | None = None
    field: str | None = None
    equals: Any = UNSET
    not_equals: Any = UNSET
    contains: Any = UNSET
    gt: float | UnsetType = UNSET
    lt: float | UnsetType = UNSET
    exists: bool | UnsetType = UNSET
    status: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse what tests nothing, or has no value to test.

        Raises:
            ValueError: msgspec adds where it stands.
        """
        if (self.step is None) == (self.input is None):
            raise ValueError("a condition is about a `step` or an `input`, one of them")
        if not self.tests:
            raise ValueError(f"a condition has one of {', '.join(_TESTS)}")
        if self.status is not UNSET and self.step is None:
            raise ValueError("`status` is a step's")

    @property
    def tests(self) -> dict[str, Any]:
        """The tests that were given."""
        found = {name: getattr(self, name) for name in _TESTS}
        return {name: value for name, value in found.items() if value is not UNSET}

    def holds(self, inputs: Mapping[str, Any], steps: Mapping[str, Any]) -> bool:
        """Say whether it holds now; a step that gave nothing has no value.

        Raises:
            WorkflowError: `gt` and `lt` compare numbers alone, `contains` looks into text and lists.
        """
        record: Any = steps.get(self.step or "") or {}
        if self.input is not None:
            value = inputs.get(self.input, UNSET)
        else:
            value = record.get("output", UNSET)
        for part in (self.field or "").split(".") if self.field else ():
            value = _below(value, part)
        return all(self._test(name, wanted, value, record) for name, wanted in self.tests.items())

    def _test(self, name: str, wanted: Any, value: Any, record: Any) -> bool:
        if name == "status":
            return bool(record.get("status") == wanted)
        if name == "exists":
            return bool((value is not UNSET and value is not None) == wanted)
        if name in {"equals", "not_equals"}:
            return _same(value, wanted) == (name == "equals")
        if value is UNSET or value is None:
            return False
        if name == "contains":
            return self._contains(value, wanted)
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            text = f"`{name}` compares numbers; {self._about} is {_named(value)}"
            raise WorkflowError(text)
        return bool(value > wanted if name == "gt" else value < wanted)

    def _contains(self, value: Any, wanted: Any) -> bool:
        if isinstance(value, str) and isinstance(wanted, str):
            return wanted in value
        if isinstance(value, list):
            return any(_same(item, wanted) for item in value)
        if isinstance(value, dict) and isinstance(wanted, str):
            return wanted in value
        text = f"`contains` looks into texts, lists and maps; {self._about} is {_named(value)}"
        raise WorkflowError(text)

    @property
    def _about(self) -> str:
        what = f"the input `{self.input}`" if self.step is None else f"what `{self.step}` gave"
        return f"`{self.field}` of {what}" if self.field else what


def _below(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, UNSET)
    if isinstance(value, list) and part.isdecimal() and len(part) <= 9:  # noqa: PLR2004 - no list is longer
        return value[int(part)] if int(part) < len(value) else UNSET
    return UNSET


def _same(value: Any, wanted: Any) -> bool:
    """Compare as scripts mean it: 1 is 1.0, but true is not 1."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _named(value: Any) -> str:
    names = {str: "text", bool: "a boolean", int: "a number", float: "a number", list: "a list"}
    return names.get(type(value), "a map" if isinstance(value, dict) else type(value).__name__)
