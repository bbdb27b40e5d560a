"""Comparing engines finds what differs, makes it small, and writes it as a case."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core.engine import EngineConfig, EngineInfo
from llmspell_core.errors import LlmspellError, ScriptRuntimeError
from llmspell_testkit.differential import (
    Comparing,
    LuaWriter,
    ReferenceEngine,
    interleavings,
    sequences,
    value_programs,
)
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
from llmspell_testkit.differential.toml import case_text, inline
from llmspell_testkit.host import Outcome
from llmspell_testkit.loader import load_cases
from llmspell_testkit.tagged import differences, read_tagged, write_tagged

if TYPE_CHECKING:
    from pathlib import Path

    from llmspell_core.session import Session
    from llmspell_core.values import Value

INPROC = EngineConfig(isolation="inproc")
ALL = ReferenceEngine.info.capabilities | ReferenceEngine.info.traits


class Good(ReferenceEngine):
    """Does what is right, under another name."""

    info = EngineInfo(
        name="other",
        language="none",
        version="1",
        suffixes=(".o",),
        capabilities=ReferenceEngine.info.capabilities,
        traits=ReferenceEngine.info.traits,
    )


class Rounding(Good):
    """Gives large integers back as a float would hold them."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        return rounded(await super().run_script(script, params, session))


def rounded(value: Any) -> Any:
    """Take integers through a float."""
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if type(value) is int and abs(value) > 2**53:
        return max(-(2**63), min(int(float(value)), 2**63 - 1))
    return value


class Swallowing(Good):
    """Ends without a word where a bridge failed."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        try:
            return await super().run_script(script, params, session)
        except LlmspellError:
            return None


class Mixing(Good):
    """Gives the results of what was done together in the order in which it began to end."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        value = await super().run_script(script, params, session)
        if self.program.get().concurrent and isinstance(value, list):
            return value[::-1]
        return value


class Forgetting(Good):
    """Prints nothing."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        session.log = lambda level, text: None  # type: ignore[method-assign]  # broken on purpose
        return await super().run_script(script, params, session)


class Crashing(Good):
    """Raises an error that is none of the tree."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        try:
            return await super().run_script(script, params, session)
        except LlmspellError as error:
            raise KeyError(error.kind) from error


WRITERS = {"other": LuaWriter()}
BROKEN = {
    "rounding": (Rounding, value_programs, r"\] int \d+ ≠ int \d+"),
    "swallowing": (Swallowing, sequences, r"error .*≠ null"),
    "crashing": (Crashing, sequences, "KeyError"),
    "forgetting": (Forgetting, sequences, r"logs\[0\] .* ≠ nothing"),
    "mixing": (Mixing, interleavings, r"\[0\]"),
}


@pytest.mark.parametrize("programs", [value_programs, sequences, interleavings])
def test_engines_that_agree_pass(programs: Any) -> None:
    """An engine that does what is right is not accused."""
    with Comparing([Good], writers=WRITERS, config=INPROC) as comparing:
        comparing.hold(programs, examples=60)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_engine_is_caught(name: str, tmp_path: Path) -> None:
    """The smallest program is shown in every language, as a case that the loader reads."""
    engine, programs, pattern = BROKEN[name]
    with (
        Comparing([engine], writers=WRITERS, config=INPROC) as comparing,
        pytest.raises(AssertionError) as caught,
    ):
        comparing.hold(programs, examples=300)
    text = str(caught.value)
    assert re.search(pattern, text)
    pasted = text.partition("for a file of cases:\n\n")[2]
    file = tmp_path / "pasted.toml"
    file.write_text(f'topic = "found"\nsince = "0.1"\n\n{pasted}', encoding="utf-8")
    case = load_cases([file])["found"]
    assert set(case.source) == {"other", "lua", "javascript"}
    assert len(case.source["lua"].splitlines()) <= 18, "it was not made small"


def test_what_was_found_is_small() -> None:
    """An integer that is rounded is shrunk to the first that a float cannot hold."""
    with (
        Comparing([Rounding], writers=WRITERS, config=INPROC) as comparing,
        pytest.raises(AssertionError, match=r"9007199254740993 ≠ int 9007199254740992"),
    ):
        comparing.hold(value_programs, examples=300)


def test_an_engine_that_hangs_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program has a deadline."""
    monkeypatch.setattr("llmspell_testkit.differential.compare.DEADLINE_S", 0.05)
    never = Program(Block((Let("a", Call("never")),), Literal(None)))
    with Comparing([Good], writers=WRITERS, config=INPROC) as comparing:
        assert "did not end within 0.05 s" in str(comparing.differences(never))


EVERYTHING = Program(
    Block(
        (
            Log('it\'s "so"\n'),
            Let("a", Call("echo", (Param("p"),))),
            Attempt("b", Call("fail", (Literal("tool"), Literal("no")))),
            Let("c", Call("counter", (Literal(1),))),
            Let("d", Call("add", (Literal(2),), on="c")),
            Collect("e", Call("stream", (Literal(3),)), 2),
            Apply("f", Literal([1]), Block((Let("g", Call("seen", (Var("x"),))),), Var("g"))),
            Together("h", (Block((), Literal(-(2**63))), Block((), MapOf((("k", Var("a")),))))),
        ),
        ListOf(tuple(Var(name) for name in "abdefh")),
    ),
    {"p": None},
)


def test_every_step_is_right() -> None:
    """The reference does each kind of step as the contract says."""
    with Comparing([Good], writers=WRITERS, config=INPROC) as comparing:
        outcome = comparing.run("other", EVERYTHING)
    assert outcome.value == [
        None,
        ["tool", "no"],
        3,
        [1, 2],
        "[int 1]",
        [-(2**63), {"k": None}],
    ]
    assert outcome.logs == [("log", 'it\'s "so"\n')]


def test_a_case_file_holds_every_value(tmp_path: Path) -> None:
    """What is written as TOML is read as the same value."""
    value = {
        "'''": ["a\0\x7f\U0001f680\ud7ff", -0.0, float("nan"), float("-inf"), 2**63 - 1, b"\xff"],
        "$t": {"": None, "k": [True, {}, []]},
    }
    text = tomllib.loads(f"v = {inline(write_tagged(value))}")["v"]
    assert not list(differences(value, read_tagged(text)))
    error = Outcome(error=ScriptRuntimeError("it's"))
    file = tmp_path / "error.toml"
    file.write_text(
        'topic = "x"\nsince = "0.1"\n' + case_text(EVERYTHING, {"lua": "x"}, error),
        encoding="utf-8",
    )
    case = load_cases([file])["found"]
    assert case.expect.error is not None
    assert case.expect.error.message == "it's"
    assert case.params == {"p": None}
