"""What hypothesis makes programs of: values that all engines claim to hold, calls, interleavings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from llmspell_testkit.differential.program import (
    Apply,
    Attempt,
    Block,
    Call,
    Collect,
    Let,
    ListOf,
    Literal,
    Log,
    MapOf,
    Param,
    Program,
    Together,
    Var,
)

if TYPE_CHECKING:
    from llmspell_testkit.differential.program import Expression, Step

_SAFE = 2**53 - 1
_KINDS = ("tool", "network", "validation", "provider", "agent", "filesystem")
_TAKERS = ("take_int", "take_float", "take_text", "take_bool", "take_list", "take_map")
_NAMES = st.sampled_from(["a", "b", "ü", "two words", "__proto__", "length", "1", "$t", ""])


def values(nouns: frozenset[str]) -> st.SearchStrategy[Any]:
    """Make script values, but for what an engine without these nouns cannot tell apart."""
    most = 2**63 - 1 if "int64" in nouns else _SAFE
    whole = "float_identity" in nouns
    leaves: list[st.SearchStrategy[Any]] = [
        st.none(),
        st.booleans(),
        st.integers(-most - (most > _SAFE), most),
        st.integers(-5, 5),
        st.floats().filter(lambda it: whole or _told(it)),
        _texts(),
    ]
    if most > _SAFE:  # rare among all integers, and where engines differ
        leaves += [st.integers(_SAFE, most), st.integers(-most - 1, -_SAFE)]
    if "bytes" in nouns:
        leaves.append(st.binary(max_size=4))
    return st.recursive(
        st.one_of(leaves),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(_NAMES | _texts(), inner, max_size=4)
        ),
        max_leaves=8,
    )


def _told(value: float) -> bool:
    """Say whether a float is one for an engine to which 1.0 and 1 are the same."""
    return math.isnan(value) or math.isinf(value) or not value.is_integer()


def _texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8"), max_size=6)


def value_programs(nouns: frozenset[str]) -> st.SearchStrategy[Program]:
    """Make programs about values: written out, as parameters, through the probe and back."""
    made = values(nouns)

    def program(literal: Any, param: Any) -> Program:
        steps = (
            Let("seen", Call("seen", (Literal(literal),))),
            Let("back", Call("echo", (Literal(literal),))),
            Let("again", Call("seen", (Var("back"),))),
            Let("given", Call("seen", (Param("p"),))),
        )
        names = ("seen", "back", "again", "given")
        result = ListOf((Literal(literal), Param("p"), *(Var(name) for name in names)))
        return Program(Block(steps, result), {"p": param})

    return st.builds(program, made, made)


@st.composite
def sequences(draw: st.DrawFn, nouns: frozenset[str]) -> Program:
    """Make programs that call one method after the other, with what came before."""
    steps = draw(_steps(nouns, []))
    names = [step.name for step in steps if not isinstance(step, Log)]
    shown = [name for name in names if not name.startswith("h")]
    return Program(Block(tuple(steps), ListOf(tuple(Var(name) for name in shown))))


@st.composite
def _steps(draw: st.DrawFn, nouns: frozenset[str], known: list[str]) -> list[Step]:
    steps: list[Step] = []
    names = list(known)
    handles: list[str] = []
    for number in range(draw(st.integers(1, 6))):
        name = f"v{len(known)}_{number}"
        kind = draw(
            st.sampled_from(["let", "attempt", "log", "handle", "collect", "apply", "fail"])
        )
        if kind == "log":
            steps.append(Log(draw(_texts())))
        elif kind == "handle" and "handles" in nouns:
            steps += _counting(draw, f"h{name}", name, handles)
            names.append(name)
        elif kind == "collect" and "streams" in nouns:
            count, most = draw(st.integers(0, 5)), draw(st.integers(1, 6))
            steps.append(Collect(name, Call("stream", (Literal(count),)), most))
            names.append(name)
        elif kind == "apply" and "callbacks" in nouns:
            steps.append(draw(_apply(nouns, name, names)))
            names.append(name)
        elif kind == "fail":
            call = Call("fail", (Literal(draw(st.sampled_from(_KINDS))), Literal(draw(_texts()))))
            # one that is not caught ends the program: rarely
            caught = draw(st.integers(0, 4)) > 0
            steps.append((Attempt if caught else Let)(name, call))
            names.append(name)
        else:
            call = draw(_call(nouns, names))
            steps.append(
                (Attempt if kind == "attempt" or call.method in _TAKERS else Let)(name, call)
            )
            names.append(name)
    return steps


def _counting(draw: st.DrawFn, handle: str, name: str, handles: list[str]) -> list[Step]:
    """Make a counter, or take one that is there, and add to it."""
    steps: list[Step] = []
    if not handles or draw(st.booleans()):
        steps.append(Let(handle, Call("counter", (Literal(draw(st.integers(-9, 9))),))))
        handles.append(handle)
    on = draw(st.sampled_from(handles))
    steps.append(Let(name, Call("add", (Literal(draw(st.integers(-9, 9))),), on)))
    return steps


def _expression(nouns: frozenset[str], names: list[str]) -> st.SearchStrategy[Expression]:
    made: st.SearchStrategy[Expression] = st.builds(Literal, values(nouns))
    if not names:
        return made
    one: st.SearchStrategy[Expression] = made | st.builds(Var, st.sampled_from(names))
    return st.one_of(
        one,
        st.lists(one, max_size=3).map(lambda items: ListOf(tuple(items))),
        st.dictionaries(_NAMES, one, max_size=3).map(lambda items: MapOf(tuple(items.items()))),
    )


@st.composite
def _call(draw: st.DrawFn, nouns: frozenset[str], names: list[str]) -> Call:
    method = draw(st.sampled_from(["echo", "seen", "add", "options", *_TAKERS]))
    if method == "add":
        numbers = st.integers(-1000, 1000).map(Literal)
        return Call("add", (draw(numbers), draw(numbers)))
    if method == "options":
        named = draw(st.dictionaries(st.sampled_from(["third", "second"]), st.integers(0, 9)))
        more: dict[str, Any] = {k: v if k == "third" else str(v) for k, v in named.items()}
        return Call("options", (Literal(draw(_texts())), Literal({**more, "fourth": True})))
    return Call(method, (draw(_expression(nouns, names)),))


@st.composite
def _apply(draw: st.DrawFn, nouns: frozenset[str], name: str, names: list[str]) -> Apply:
    inner = f"{name}_in"
    steps = (Let(inner, draw(_call(nouns - {"int64"}, ["x"]).filter(_never_fails))),)
    result = ListOf((Var("x"), Var(inner)))
    return Apply(name, draw(_expression(nouns, names)), Block(steps, result))


def _never_fails(call: Call) -> bool:
    return call.method not in _TAKERS


@st.composite
def interleavings(draw: st.DrawFn, nouns: frozenset[str]) -> Program:
    """Make programs whose calls are under way together, and end in an order of chance."""
    count = draw(st.integers(2, 6))
    order = draw(st.permutations(range(count)))
    blocks: list[Block] = [Block((), Literal(None))] * count
    for place, index in enumerate(order):
        value, name = draw(values(nouns)), f"b{index}"
        steps: list[Step] = []
        if place:
            gate = Literal(f"g{order[place - 1]}")
            steps.append(Let(f"{name}_w", Call("wait_gate", (gate, Literal(value)))))
        steps.append(Attempt(f"{name}_e", draw(_call(nouns, []))))
        if draw(st.booleans()):
            steps.append(Let(f"{name}_s", Call("seen", (Literal(value),))))
        steps.append(Let(f"{name}_o", Call("open_gate", (Literal(f"g{index}"),))))
        named = [step.name for step in steps if not isinstance(step, Log)]
        blocks[index] = Block(tuple(steps), ListOf(tuple(Var(it) for it in named)))
    return Program(Block((Together("all", tuple(blocks)),), Var("all")))
