"""What a bridge says of itself: descriptions, schemas, examples, names."""

# ruff: noqa: ARG001 - every check is asked in the same way, whatever it looks at
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.bridge import Handle
from llmspell_core.errors import InternalError
from llmspell_core.signature import Method
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.excuses import excused
from llmspell_testkit.bridge.speakers import camel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TAKEN = frozenset(
    {
        *("and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if"),
        *("in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"),
    }
)
"""Lua's reserved words: ``bridge.end()`` cannot be written."""


@check("bridge-described", "methods", "descriptions", about="bridge")
async def bridge_described(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """The bridge says in a sentence what it is for."""
    text = lab.contract.bridge.__dict__.get("__doc__") or ""
    if not text.strip():
        yield f"expected a docstring of `{lab.contract.bridge.__name__}`, got none"


@check("described", "methods", "descriptions")
async def described(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Every method says in a sentence what it does."""
    if not it.member.method.description:
        yield f"expected a docstring of `{it.member.id}`, got none"


@check("arguments-typed", "methods", "schemas")
async def arguments_typed(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Every argument has a type, and with it a schema."""
    method = it.member.method
    try:
        hints = method.hints
    except InternalError as error:
        yield f"expected type hints, got {error.message}"
        return
    for name in (*method.positional, *method.keywords):
        if name not in hints:
            yield f"expected a type hint of the argument `{name}`, got none"


@check("answer-typed", "methods", "schemas")
async def answer_typed(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Every method says what type its answer has."""
    if "return" not in it.member.method.function.__annotations__:
        yield "expected a type hint of the answer, got none"


@check("handle-typed", "methods", "handles")
async def handle_typed(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A method that gives a handle says of which type, so that its methods can be proved as well."""
    if it.member.method.returns is Handle and it.member.id not in lab.contract.handles:
        yield (
            f"expected the handle's class, in the hint or in the contract's "
            f'`handles = {{"{it.member.id}": …}}`, got `Handle`'
        )


@check("example", "methods", "examples")
async def example_given(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Every method has an example of its arguments."""
    if it.member.example is None:
        yield f"expected `@method(example=…)` on `{it.member.id}`, got none"


@check("example-runs", "methods", "examples")
async def example_runs(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A method's example works as it stands."""
    if it.member.example is None:
        return
    async with lab.trying() as run:
        outcome = await run.example(it.member)
    if outcome.error is not None and not excused(outcome.error):
        yield f"expected a result, got {outcome}"


@check("names", "standard", "naming")
async def names(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Names are in snake case, and no word that a language keeps for itself."""
    method = it.member.method
    for what, name in [
        ("method", method.name),
        *(("argument", name) for name in (*method.positional, *method.keywords)),
    ]:
        for problem in _name_problems(name):
            yield f"the {what} `{name}`: {problem}"


@check("bridge-names", "standard", "naming", about="bridge")
async def bridge_names(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """The bridge, its builders, their steps and its types of handles are named by the same rule."""
    bridge = lab.contract.bridge
    handles = {m.owner for m in lab.contract.members() if issubclass(m.owner, Handle)}
    named = [
        ("bridge", bridge.name),
        *(("builder", builder.name) for builder in bridge.builders),
        *(("step", step) for builder in bridge.builders for step in builder.steps),
        *(("handle", cls.type_name) for cls in handles),
    ]
    for what, name in named:
        for problem in _name_problems(name):
            yield f"the {what} `{name}`: {problem}"


def _name_problems(name: str) -> Iterator[str]:
    if not _SNAKE.fullmatch(name):
        yield "expected snake_case, got something else"
    if name in _TAKEN:
        yield "expected a name that scripts can write, got a reserved word of Lua"


@check("names-apart", "standard", "naming", about="bridge")
async def names_apart(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """No two methods of one object have the same name in JavaScript's camel case."""
    seen: dict[tuple[type, str], str] = {}
    for member in lab.contract.members():
        key = (member.owner, camel(member.method.name))
        other = seen.setdefault(key, member.method.name)
        if other != member.method.name:
            yield f"expected one name, got `{other}` and `{member.method.name}`"


@check("same-metadata", "standard", "metadata", about="bridge")
async def same_metadata(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """The bridge describes itself in the same way each time it is asked."""
    one, other = _metadata(lab), _metadata(lab)
    for key, item in one.items():
        if item != other[key]:
            yield f"`{key}`: expected {item!r:.120} again, got {other[key]!r:.120}"


@check("metadata-is-json", "standard", "metadata", about="bridge")
async def metadata_is_json(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """What the bridge says of itself can be written as JSON."""
    for key, item in _metadata(lab).items():
        try:
            msgspec.json.encode(item)
        except (TypeError, ValueError) as error:
            yield f"`{key}`: expected JSON, got {error}"


def _metadata(lab: Lab) -> dict[str, Any]:
    """Read all of it anew, past what is kept on the classes."""
    found: dict[str, Any] = {"manifest": lab.contract.bridge.manifest()}
    for member in lab.contract.members():
        kept = member.method
        mark = getattr(kept.function, "__llmspell__", {})
        fresh = Method(kept.name, kept.function, mark)
        found[member.id] = {"description": fresh.description, **mark}
        try:
            found[member.id] |= {"schema": fresh.schema(), "answer": fresh.returns_schema()}
        except InternalError:
            continue  # `arguments-typed` tells
    return found
