"""What may cross, and how it is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_core import Bounds, ConversionError, Foreign, TextRecord, check_value
from llmspell_core.values import INT_MAX, INT_MIN, plain

scalars = (
    st.none()
    | st.booleans()
    | st.integers(INT_MIN, INT_MAX)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(values)
def test_every_script_value_may_cross(value: Any) -> None:
    """Null, booleans, 64-bit integers, floats, text, bytes, lists and maps."""
    check_value(value)


def _cycle() -> Any:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        ({"messages": [{}, {"content": object()}]}, "messages[1].content", "object cannot cross"),
        ([2**63], "[0]", "does not fit in 64 bits"),
        ({"a": {1: 2}}, "a", "a key must be a string, got int"),
        ({"a b": {1, 2}}, '["a b"]', "set cannot cross"),
        ({'"': [Foreign("struct")]}, '["\\""][0]', "a struct cannot cross"),
        (_cycle(), "[0]" * 65, "nested deeper than 64 levels"),
    ],
)
def test_what_cannot_cross_is_refused_by_its_path(value: Any, path: str, what: str) -> None:
    """The error names the part of the value."""
    with pytest.raises(ConversionError) as caught:
        check_value(value)
    assert caught.value.path == path
    assert what in str(caught.value)


def test_size_is_bounded() -> None:
    """Many small values and one large text are both refused."""
    with pytest.raises(ConversionError, match="more than 10 values"):
        check_value(list(range(10)), bounds=Bounds(nodes=10))
    with pytest.raises(ConversionError, match="larger than 10 bytes"):
        check_value(["x" * 11], bounds=Bounds(message_bytes=10))


def test_a_text_record_is_text_with_fields() -> None:
    """It is a str for every Python function, and keeps its fields when copied."""
    record = TextRecord("hello", {"usage": {"total_tokens": 3}})
    assert record.upper() == "HELLO"
    assert f"{record}!" == "hello!"
    assert record.fields == {"usage": {"total_tokens": 3}, "content": "hello"}
    assert copy.deepcopy(record).fields == record.fields


def test_a_text_record_returned_from_a_spell_becomes_its_fields() -> None:
    """Wherever it stands in the result."""
    record = TextRecord("hello", {"n": 1})
    assert plain([{"answer": record}]) == [{"answer": {"content": "hello", "n": 1}}]
