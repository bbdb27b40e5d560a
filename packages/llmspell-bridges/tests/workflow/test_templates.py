"""What templates may hold, and how long they may take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_bridges.workflow.template import (
    MAX_CHARS,
    MAX_EXPRESSIONS,
    BadTemplateError,
    Template,
)
from llmspell_core import WorkflowError

VALUES: dict[str, Any] = {
    "topic": "owls",
    "step": {
        "output": {"items": ["a", "b"], "title": 'x "y"', "none": None},
        "status": "completed",
    },
    "n": 3.14159,
    "yes": True,
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("About {{topic}}.\n", "About owls.\n"),
        ("{{ step.output.items[1] }}{{ step['status'] }}", "bcompleted"),
        ("{{step.output.items}}", '["a", "b"]'),
        ("{{yes}} {{n}} [{{step.output.none}}]", "true 3.14159 []"),
        ("{{n | round(2)}} {{n | round}}", "3.14 3"),
        ("{{topic | upper}} {{topic | title}} {{topic | length}}", "OWLS Owls 4"),
        ("{{step.output.items | join(' and ')}}", "a and b"),
        ("{{step.output.items | first}}{{step.output.items | last}}", "ab"),
        ("{{step.output.title | json}}", '"x \\"y\\""'),
        ("{{topic | truncate(3)}} {{topic | truncate(9)}}", "... owls"),
        ("{{nobody | default('?')}} {{step.output.nothing.at.all | default(1)}}", "? 1"),
        ("{% raw %}{{topic}}{% endraw %}", "{{topic}}"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ],
)
def test_values_are_written_into_the_text(source: str, text: str) -> None:
    """Names, fields, items, and the filters; what is no text is JSON."""
    assert Template(source).text(VALUES) == text


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{step.output.items}}", ["a", "b"]),
        ("{{ n | round }}", 3),
        ("{{yes}}", True),
        ("{{yes}} ", "true "),
        ("{{topic}}{{topic}}", "owlsowls"),
        ("{{step.output.none}}", None),
    ],
)
def test_one_value_alone_keeps_its_type(source: str, value: Any) -> None:
    """As soon as there is anything beside it, it is text."""
    assert Template(source).value(VALUES) == value
    assert type(Template(source).value(VALUES)) is type(value)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in topic %}{{i}}{% endfor %}",
        "{% set x = 1 %}",
        "{% include 'x' %}",
        "{{ topic * 100000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ topic() }}",
        "{{ topic.upper() }}",
        "{{ 'a' ~ topic }}",
        "{{ [topic] }}",
        "{{ topic if yes }}",
        "{{ topic is defined }}",
        "{{ topic[1:2] }}",
        "{{ topic[n] }}",
        "{{ topic | join(topic) }}",
        "{{ topic | map('upper') }}",
        "{{ topic | truncate(true) }}",
        "{{ topic | default(value='x') }}",
        "{{ n | round(1, 'floor') }}",
        "{{ self }}",
        "{{ 'constant' }}",
        "{{ topic",
        "{{ topic | upper | lower | upper | lower | upper | lower }}",
        "{{ " + "(" * 5000 + "topic",
        "{{ topic" + ".a" * 100 + " }}",
        "{{topic}}" * (MAX_EXPRESSIONS + 1),
        "x" * (MAX_CHARS + 1),
    ],
)
def test_nothing_else_may_stand_in_one(source: str) -> None:
    """No statements, arithmetic, calls, loops: it is refused before it is compiled."""
    with pytest.raises(BadTemplateError):
        Template(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{topic.__class__}}",
        "{{topic.upper}}",
        "{{step.items}}",
        "{{step.output.items.append}}",
        "{{step.output.items[7]}}",
        "{{topic[0]}}",
        "{{yes.real}}",
        "{{nobody}}",
        "{{topic | round}}",
        "{{n | length}}",
    ],
)
def test_only_data_is_reached(source: str) -> None:
    """No attribute of a Python object, no method of a map; what has no value is an error."""
    with pytest.raises(WorkflowError, match="the template"):
        Template(source).text(VALUES)


@pytest.mark.parametrize(
    "source",
    [
        "{{big}}" * 20,
        "{{big | json | json | json | json | json}}",
        "{{many | join('xxxxxxxxxxxx')}}",
    ],
)
def test_the_result_is_bounded(source: str) -> None:
    """Neither repeating a value nor quoting it again and again fills the memory."""
    values = {"big": '"' * 1_000_000, "many": ["x"] * 1_000_000}
    with pytest.raises(WorkflowError, match="longer than 10,485,760 characters"):
        Template(source).text(values)


def test_names_are_known_before_it_is_filled_in() -> None:
    """With their fields; those that have a default are optional."""
    template = Template("{{a}} {{b.output.c[0]}} {{d.e | default('')}}")
    assert template.names == [("a",), ("b", "output", "c", "0"), ("d", "e")]
    assert template.optional == {("d", "e")}


PIECES = ("{{", "}}", "{%", "%}", "{#", "#}", "topic", "step.output", " ", "|", "upper", "json", "join(", "'", ")", "[", "0", "]", "(", ".", "1", "+", "x", "\n", "raw", "endraw")  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_whatever_stands_in_one_it_is_filled_in_or_refused(source: str) -> None:
    """No other error comes out of it, and no Python object goes in."""
    try:
        template = Template(source)
        assert isinstance(template.text(VALUES), str)
        template.value(VALUES)
    except (BadTemplateError, WorkflowError):
        pass
