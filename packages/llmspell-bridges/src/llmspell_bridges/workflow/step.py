"""One step of a workflow, as a script adds it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from llmspell_bridges.retry import RetryPolicy
from llmspell_bridges.workflow.condition import Condition
from llmspell_core import Callback, ValidationError
from llmspell_core.convert import convert
from llmspell_core.handles import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["agent", "tool", "run", "workflow", "none"]
OnError = Literal["fail", "continue", "fallback"]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]

KINDS: tuple[Kind, ...] = ("agent", "tool", "run", "workflow")
RESERVED = frozenset({"event", "inputs", "iteration", "steps"})
"""Names that templates use for something else."""
MAX_STEPS = 1000
_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]{0,63}")
"""langgraph refuses some signs; templates refuse more."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a step of a reactive workflow waits for: one of them.

    `file` is a path or a pattern of file names, `every_ms` a timer, `stream` a stream that the
    script holds, `step` a step whose end is the event.
    """

    file: str | None = None
    every_ms: Annotated[float, Meta(ge=1, le=86_400_000)] | None = None
    stream: Any = None
    step: str | None = None

    def __post_init__(self) -> None:
        """Refuse none, and more than one.

        Raises:
            ValueError: msgspec adds where it stands.
        """
        given = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("`on` takes one of file, every_ms, stream and step")
        if self.stream is not None and not isinstance(self.stream, (Callback, Stream)):
            raise ValueError("`stream` is a stream, or a function that gives the next item")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step; whether it makes sense beside the others is `check`'s business."""

    name: str
    kind: Kind
    agent: Any = None
    prompt: str | None = None
    tool: Any = None
    arguments: dict[str, Any] | None = None
    run: Callback | None = None
    workflow: Any = None
    inputs: dict[str, Any] | None = None
    needs: list[str] | None = None
    when: Callback | Condition | None = None
    otherwise: bool = False
    on: Source | None = None
    timeout_s: float | None = None
    retry: RetryPolicy | None = None
    on_error: OnError = "fail"
    fallback: Any = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    conversation: str = "own"

    @property
    def gives(self) -> dict[str, Any] | None:
        """The schema of what it gives, where one is known."""
        if self.output_schema is None and self.kind == "agent":
            schema: dict[str, Any] | None = getattr(
                getattr(self.agent, "config", None), "schema", None
            )
            return schema
        return self.output_schema


def kind_of(**given: Any) -> Kind:
    """Say what a step does: the one of `KINDS` that was given; "none" for nothing, or too much."""
    found = [kind for kind in KINDS if given[kind] is not None]
    return found[0] if len(found) == 1 else "none"


def name_flaw(name: str) -> str | None:
    """Say what is wrong with a name of a step or a workflow."""
    if not _NAME.fullmatch(name):
        return (
            f"{name[:80]!r} is no name: letters, digits and `_`, at most 64, "
            "starting with no digit and no `__`"
        )
    return None


def condition(value: Any, argument: str, where: str) -> Callback | Condition | None:
    """Take a function, or the data of a condition.

    Raises:
        ValidationError: it is neither; it names the argument.
    """
    if value is None or isinstance(value, Callback):
        return value
    if not isinstance(value, dict):
        text = (
            f"bad argument `{argument}` to `{where}`: expected a function, or a table such as "
            f'{{step = "name", equals = 1}}, got {_named(value)}'
        )
        raise ValidationError(text, argument=argument)
    found: Condition = convert(value, Condition, argument=argument, where=where)
    return found


def source(value: Mapping[str, Any] | None, where: str) -> Source | None:
    """Take what a step of a reactive workflow waits for.

    Raises:
        ValidationError: it is none of the four; it names the argument.
    """
    if value is None:
        return None
    found: Source = convert(value, Source, argument="on", where=where)
    return found


def _named(value: Any) -> str:
    return getattr(type(value), "type_name", type(value).__name__)
