"""Policies: they take away, whatever they answer, and stop what runs when they fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmspell_core import (
    Bridge,
    Budget,
    CallContext,
    Ledger,
    Limits,
    PermissionDeniedError,
    Permissions,
    PluginError,
    Policy,
    Question,
    Runtime,
    method,
)
from llmspell_core.permissions import EFFECTS
from llmspell_core.policy import Policies

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyEngine

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


class Answering(Policy):
    """Answers what it was made with, whatever it is given."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def permissions(self, permissions: Permissions) -> Permissions:
        return self.answers.get("permissions", permissions)  # type: ignore[no-any-return]  # a test's

    def limits(self, limits: Limits) -> Limits:
        return self.answers.get("limits", limits)  # type: ignore[no-any-return]  # a test's

    def budget(self, budget: Budget) -> Budget:
        return self.answers.get("budget", budget)  # type: ignore[no-any-return]  # a test's


class NoExample(Policy):
    """Forbids one host and one folder."""

    def allows(self, effect: str, name: str | None) -> bool:
        return (effect, name) != ("net", "evil.example") and "secret" not in (name or "")


class Files(Bridge):
    """Reads by name."""

    name = "files"
    by_name = True

    @method(effects=("read",))
    async def read(self, path: str, *, ctx: CallContext) -> str:
        """Read a file."""
        await ctx.ask("read", path)
        return path


def policies(*given: Policy) -> Policies:
    """Apply policies that nobody installed."""
    return Policies([(policy, None) for policy in given])


# few names, and mostly lists of them, so that they meet
names = st.sampled_from(
    ["a", "b", "ab", "a*", "*b", "*", "a/b", "/", "a/../b", "a.b:80", "[::1]:80"]
)
lists = st.lists(names, min_size=1, max_size=4).map(tuple)
grants = st.one_of(lists, lists, lists, st.booleans(), st.just(()))


@settings(max_examples=400)
@example(("a",), [("b",)], "read", "b")
@given(grants, st.lists(grants, min_size=1, max_size=3), st.sampled_from(EFFECTS), names)
def test_what_policies_leave_is_what_all_of_them_allow(
    before: Any, answers: list[Any], effect: str, name: str
) -> None:
    """Never more than was granted, and never less than all of them agree on."""
    granted = Permissions(**{effect: before})
    given = [Permissions(**{effect: answer}) for answer in answers]
    after = policies(*(Answering(permissions=it) for it in given)).permissions(granted)
    assert after.allows(effect, name) == all(it.allows(effect, name) for it in (granted, *given))
    assert not after.some(effect) or granted.some(effect)
    assert not after.allows(effect) or granted.allows(effect)


amounts = st.one_of(st.none(), st.integers(1, 10**9), st.floats(0.001, 10**9))


@given(st.tuples(amounts, amounts, amounts), st.tuples(amounts, amounts, amounts))
def test_of_each_limit_and_each_part_of_a_budget_the_lower_holds(
    before: tuple[Any, ...], after: tuple[Any, ...]
) -> None:
    """Raising one, or lifting it, changes nothing."""
    keys = ("timeout_s", "cpu_s", "memory_bytes")
    ours = policies(Answering(limits=Limits(**dict(zip(keys, after, strict=True)))))
    found = ours.limits(Limits(**dict(zip(keys, before, strict=True))))
    for key, *both in zip(keys, before, after, strict=True):
        known = [amount for amount in both if amount is not None]
        assert getattr(found, key) == min(known, default=None)
    keys = ("cost_usd", "tokens", "llm_calls")
    ours = policies(Answering(budget=Budget(**dict(zip(keys, after, strict=True)))))
    spent = ours.budget(Budget(**dict(zip(keys, before, strict=True))))
    for key, *both in zip(keys, before, after, strict=True):
        known = [amount for amount in both if amount is not None]
        assert getattr(spent, key) == min(known, default=None)


def test_a_veto_is_asked_about_each_name() -> None:
    """What it forbids is forbidden, whatever is granted, and nothing else is."""
    found = policies(NoExample()).permissions(Permissions.everything())
    assert not found.allows("net", "evil.example")
    assert found.allows("net", "good.example")
    assert found.allows("net")
    assert found.vetoed("read", "/secret/x")


class NotCallable(Policy):
    """Forgot what `allows` takes."""

    def allows(self, effect: str) -> bool:  # type: ignore[override]  # the mistake
        return bool(effect)


class Wordy(Policy):
    """Answers with a text, which is true as it is; a forgotten `await` would be as well."""

    def allows(self, effect: str, name: str | None) -> bool:
        return "no"  # type: ignore[return-value]  # the mistake


@pytest.mark.parametrize(
    ("policy", "used"),
    [
        (Answering(permissions=None), lambda it: it.permissions(Permissions())),
        (Answering(permissions=True), lambda it: it.permissions(Permissions())),
        (Answering(permissions=Permissions(read="/")), lambda it: it.permissions(Permissions())),  # type: ignore[arg-type]  # the mistake
        (Answering(limits=Budget()), lambda it: it.limits(Limits())),
        (Answering(budget=None), lambda it: it.budget(Budget())),
        (Answering(budget=Budget(cost_usd="1")), lambda it: it.budget(Budget())),  # type: ignore[arg-type]  # the mistake
        (Answering(budget=Budget(cost_usd=float("nan"))), lambda it: it.budget(Budget())),
        (NotCallable(), lambda it: it.permissions(Permissions(net=True)).allows("net", "x")),
        (Wordy(), lambda it: it.permissions(Permissions(net=True)).allows("net", "x")),
    ],
)
def test_a_policy_that_answers_nonsense_fails_closed(
    policy: Policy, used: Callable[[Policies], object]
) -> None:
    """The error names it and whose it is."""
    with pytest.raises(PluginError, match="of the distribution acme failed: ") as caught:
        used(Policies([(policy, "acme")]))
    assert caught.value.distribution == "acme"


async def test_a_runtime_applies_policies_to_every_run() -> None:
    """To the grants, the limits and the budget that a run brings as well."""
    policy = Answering(
        permissions=Permissions(env=("LANG",)),
        limits=Limits(result_bytes=3),
        budget=Budget(llm_calls=7),
    )
    seen: list[tuple[int, int | None]] = []

    class Looking(ToyEngine):
        async def run_script(self, script: str, params: dict[str, Any], session: Any) -> Any:
            seen.append((session.limits.result_bytes, session.ledger.budget.llm_calls))
            return await super().run_script(script, params, session)

    environ = {"LANG": "C", "HOME": "/h"}
    async with Runtime(engines=[Looking], policies=[policy], environ=environ) as runtime:
        everything = Permissions.everything()
        found = await runtime.run("env", language="toy", permissions=everything)
        ledger = Ledger(Budget(llm_calls=None))
        await runtime.run("env", language="toy", ledger=ledger, limits=Limits(result_bytes=9))
    assert found.value == {"LANG": "C"}
    assert seen == [(3, 7), (3, 7)]


async def test_a_refusal_says_that_a_policy_forbids_it() -> None:
    """It names no flag: none would help."""
    async with Runtime(engines=[ToyEngine], bridges=[Files()], policies=[NoExample()]) as runtime:
        granted = Permissions(read=True)
        with pytest.raises(PermissionDeniedError) as caught:
            await runtime.run('call files read ["/secret"]', language="toy", permissions=granted)
        assert str(caught.value) == (
            "reading `/secret` is not permitted: the policy `NoExample` forbids it, "
            "whatever is granted"
        )
        assert caught.value.flag is None
        with pytest.raises(PermissionDeniedError, match="--allow-read=/other"):
            await runtime.run('call files read ["/other"]', language="toy")


async def test_nobody_is_asked_for_what_a_policy_forbids() -> None:
    """A yes would not count; what it leaves open is asked for."""
    asked: list[str | None] = []

    async def ask(question: Question) -> bool:
        asked.extend(want.name for want in question.wants)
        return True

    only = Answering(permissions=Permissions(read=("/a",)))
    async with Runtime(
        engines=[ToyEngine], bridges=[Files()], policies=[NoExample(), only], ask=ask
    ) as runtime:
        for path in ("/secret", "/b", "/a/secret"):
            with pytest.raises(PermissionDeniedError, match="whatever is granted"):
                await runtime.run(f'call files read ["{path}"]', language="toy")
        assert (await runtime.run('call files read ["/a/x"]', language="toy")).value == "/a/x"
    assert asked == ["/a/x"]


MODULE = '''
from llmspell_core import Permissions, Policy

class Quiet(Policy):
    """No environment."""

    def permissions(self, permissions):
        return Permissions(env=False, read=True)

class Broken(Policy):
    def __init__(self):
        raise RuntimeError("no rules today")

class Failing(Policy):
    def limits(self, limits):
        raise RuntimeError("no rules today")

class Other:
    """Is no policy."""
'''


@pytest.fixture
def installed_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a distribution with one policy, by the name of its class."""

    def install(target: str) -> None:
        info = tmp_path / "acme_rules-1.0.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(f"[llmspell.policies]\nrules = {target}\n")
        (tmp_path / "acme_rules.py").write_text(MODULE)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "acme_rules", raising=False)

    return install


async def test_an_installed_policy_applies_by_itself(
    installed_policy: Callable[[str], None],
) -> None:
    """Being installed is enough."""
    installed_policy("acme_rules:Quiet")
    async with Runtime(engines=[ToyEngine], environ={"LANG": "C"}) as runtime:
        found = await runtime.run("env", language="toy", permissions=Permissions(env=True))
    assert found.value == {}


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("acme_rules:Broken", "cannot be made: RuntimeError: no rules today"),
        ("acme_rules:Failing", "failed: RuntimeError: no rules today"),
        ("acme_rules:Other", r"is not a subclass of llmspell_core\.Policy"),
        ("acme_rules:Missing", "cannot be loaded"),
        ("acme_none:Quiet", "cannot be loaded"),
    ],
)
async def test_nothing_runs_beside_a_broken_policy(
    installed_policy: Callable[[str], None], target: str, what: str
) -> None:
    """Every run ends with an error that names the distribution, the first and the next."""
    installed_policy(target)
    async with Runtime(engines=[ToyEngine]) as runtime:
        for _ in range(2):
            with pytest.raises(
                PluginError, match=f"of the distribution acme-rules {what}"
            ) as caught:
                await runtime.run("return 1", language="toy")
            assert caught.value.distribution == "acme-rules"


def test_without_policies_their_module_stays_out() -> None:
    """A run pays for policies only where there are some."""
    program = f"""
import asyncio, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from toy import ToyEngine
from llmspell_core import Runtime

async def main():
    async with Runtime(engines=[ToyEngine]) as runtime:
        await runtime.run("return 1", language="toy")

asyncio.run(main())
print([name for name in sys.modules if name in ("llmspell_core.policy", "llmspell_core.asking")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout == "[]\n"
