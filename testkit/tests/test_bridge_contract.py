"""The contract of bridges as a third party sees it: one class, a pytest run, a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_core import Bridge, method
from llmspell_testkit import BridgeContract, BuilderExample

if TYPE_CHECKING:
    from collections.abc import Sequence

pytest_plugins = ["pytester"]

BRIDGE = '''
import asyncio, threading
from typing import Annotated
from llmspell_core import Bridge, method


class Greeter(Bridge):
    """Greets people."""

    name = "greeter"

    @method(example={"who": "Ada"})
    async def greet(self, who: Annotated[str, "Whom to greet"], *, loud: bool = False) -> str:
        """Greet somebody by name."""
        return f"Hello {who}" + "!" * loud


class Rude(Greeter):
    """Greets nobody."""

    @method()
    async def greet(self, who: str) -> str:
        """Greet nobody."""
        return "Bye"


class Hanging(Greeter):
    """Greets, and thinks of it for ever."""

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
        return "Hello " + who


class Sleeping(Greeter):
    """Greets nobody, ever."""

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        await asyncio.sleep(1000)
        return "Hello " + who
'''
SUITE = """
from greeter import Greeter, Hanging, Rude, Sleeping
from llmspell_testkit import BridgeContract


class TestGreeter(BridgeContract):
    bridge = {bridge}
    known_failures = {known}
    deadline_s = {deadline_s}
"""


class Suite:
    """Runs the contract on a bridge, in a folder of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        pytester.makepyfile(greeter=BRIDGE)
        pytester.syspathinsert()

    def run(
        self,
        bridge: str = "Greeter",
        *,
        options: Sequence[str] = (),
        deadline_s: float = 30.0,
        **known: str,
    ) -> pytest.RunResult:
        named = {name.replace("__", ".").replace("_", "-"): why for name, why in known.items()}
        self.pytester.makepyfile(
            test_greeter=SUITE.format(bridge=bridge, known=named, deadline_s=deadline_s)
        )
        idle = [f"-pno:{name}" for name in ("cacheprovider", "timeout", "anyio")]
        return self.pytester.runpytest_inprocess(*idle, *options)


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Suite:
    """A bridge and its contract, to be run."""
    return Suite(pytester)


def test_a_bridge_opts_in_with_one_class(suite: Suite) -> None:
    """A class that names the bridge is all that a third party writes."""
    result = suite.run()
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] > 30


def test_a_failure_says_what_was_expected(suite: Suite) -> None:
    """A report names the bridge, the check, its page, and what was expected and got."""
    result = suite.run("Rude")
    result.assert_outcomes(failed=1, passed=result.parseoutcomes()["passed"])
    result.stdout.fnmatch_lines(
        [
            "greeter: check `greet.example`",
            "*Every method has an example of its arguments.",
            "*contract: docs/contract/bridges.md#examples",
            "*expected `@method(example=*)` on `greet`, got none",
        ]
    )


def test_a_known_failure_is_expected(suite: Suite) -> None:
    """What is declared to fail, with its reason, is no failure."""
    result = suite.run("Rude", greet__example="nobody wants to be greeted so")
    assert result.ret == 0
    assert result.parseoutcomes()["xfailed"] == 1


def test_a_known_failure_that_passes_fails(suite: Suite) -> None:
    """A declaration that is no longer true has to go."""
    result = suite.run(greet__example="it was so once")
    result.assert_outcomes(failed=1, passed=result.parseoutcomes()["passed"])
    result.stdout.fnmatch_lines(["*`greet.example` is in known_failures, and passes: remove it*"])


def test_a_known_failure_of_no_check_fails(suite: Suite) -> None:
    """A declaration that names no check is a mistake."""
    result = suite.run(greet__exampel="misspelt")
    result.assert_outcomes(failed=1, passed=result.parseoutcomes()["passed"])
    result.stdout.fnmatch_lines(["*known_failures names no check: greet.exampel*"])


def test_a_thread_that_never_ends_is_no_hang(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a bridge leaves in a thread of the loop fails its checks, and is named at the end."""
    monkeypatch.setattr("llmspell_testkit.bridge.host.GRACE_S", 0.05)
    monkeypatch.setattr("llmspell_testkit.bridge.leaks.SETTLE_S", 0.1)
    result = suite.run("Hanging", options=["-k", "leaves"])
    assert result.parseoutcomes()["failed"] == 1
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["*TestGreeter leaves what does not end: the thread asyncio_0 (*"])


def test_a_bridge_that_always_hangs_is_given_up(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few checks that did not end, the others of the class fail at once, and say why."""
    monkeypatch.setattr("llmspell_testkit.bridge.host.MOST_LATE", 2)
    result = suite.run("Sleeping", options=["-k", "greet and standard", "-rN"], deadline_s=0.3)
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] > 3
    late = "*expected an end within 0.3 s, and it goes on"
    result.stdout.fnmatch_lines([late, late, "*2 checks before this one had none: not made"])
    assert result.stdout.str().count("and it goes on") == 2


def test_a_part_of_the_contract_cannot_be_overridden() -> None:
    """What is not kept is declared, not replaced."""
    with pytest.raises(TypeError, match="overrides a part of the contract"):
        type("Mine", (BridgeContract,), {"test_standard": lambda self: None})


class Nothing(Bridge):
    """Does nothing."""

    name = "nothing"

    @method(example={})
    async def nop(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"slow": {"nap": None}}, "no such method: nap"),
        ({"examples": {"nop": {}}}, "examples of the bridge's own methods belong to them"),
        ({"builders": {"plan": BuilderExample()}}, "builders: expected"),
    ],
)
def test_what_is_told_beside_the_metadata_has_to_fit_it(
    settings: dict[str, object], what: str
) -> None:
    """A setting that names nothing of the bridge is a mistake."""
    contract = type("Mine", (BridgeContract,), {"bridge": Nothing, **settings})
    with pytest.raises(AssertionError, match=what):
        contract().test_the_contract_is_whole()
