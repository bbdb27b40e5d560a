"""What a method does to the world: what it declares, and only where it is permitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import LlmspellError, PermissionDeniedError
from llmspell_core.permissions import EFFECTS
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.excuses import UNDECLARED
from llmspell_testkit.bridge.watch import watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmspell_core.permissions import Permissions
    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Outcome
    from llmspell_testkit.bridge.members import Member

ANYTHING = frozenset({"read", "write", "net", "process"})
SHOWS_AS = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "net": frozenset({"net"}),
    "env": frozenset[str](),
    "model": ANYTHING,
    "tool": ANYTHING,
    "mcp": ANYTHING,
}
"""What doing an effect may look like from outside: a model may be a process on this machine."""
ELSEWHERE = {
    "read": "/nonexistent/granted",
    "write": "/nonexistent/granted",
    "net": "granted.invalid",
    "env": "GRANTED_ONLY",
    "model": "granted/only",
    "tool": "granted_only",
    "mcp": "granted_only",
}
"""A name for each effect that no example needs."""


@check("effect-refused", "standard", "effects", about="effect")
async def effect_refused(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Without a grant, a method that declares an effect is refused, by the flag that would grant it."""
    if not await _sound(lab, it.member):
        return
    without = msgspec.structs.replace(lab.contract.permissions, **{it.effect: False})
    outcome, touched = await _restricted(lab, it.member, without)
    refused, flag = outcome.error, f"--allow-{it.effect}"
    if not isinstance(refused, PermissionDeniedError):
        yield f"expected to be refused without {flag}, got {outcome}{_shown(touched)}"
    elif flag not in refused.message and flag not in str(refused.flag):
        yield f"expected an error that names {flag}, got {refused.message!r}"


@check("effect-asked", "standard", "effects", about="effect")
async def effect_asked(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """What is granted for one name is not done for another."""
    if not await _sound(lab, it.member):
        return
    elsewhere = {it.effect: (ELSEWHERE[it.effect],)}
    granted = msgspec.structs.replace(lab.contract.permissions, **elsewhere)
    outcome, touched = await _restricted(lab, it.member, granted)
    seen = [(kind, what) for kind, what in touched if kind in SHOWS_AS[it.effect]]
    if seen and not isinstance(outcome.error, PermissionDeniedError):
        name = ELSEWHERE[it.effect]
        yield f"expected a refusal where only `{name}` is granted, got {outcome}{_shown(seen)}"


@check("effect-declared", "standard", "effects")
async def effect_declared(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A method declares every effect that it asks for."""
    if it.member.id in lab.contract.delegates:
        return
    undeclared = dict.fromkeys(set(EFFECTS) - set(it.member.method.effects), False)
    async with lab.trying() as run:
        plain = await run.example(it.member)
    if plain.error is not None:
        if UNDECLARED in plain.error.message:
            yield f"expected `@method(effects=…)` to name it, got {plain.error.message}"
        return
    declared = msgspec.structs.replace(lab.contract.permissions, **undeclared)
    outcome, _ = await _restricted(lab, it.member, declared)
    if isinstance(outcome.error, PermissionDeniedError):
        yield f"expected `@method(effects=…)` to name it, got {outcome.error.message}"


@check("effect-hidden", "standard", "effects")
async def effect_hidden(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A method touches no file, address or process that none of its declared effects covers."""
    if it.member.id in lab.contract.delegates:
        return
    allowed: set[str] = set().union(*(SHOWS_AS[effect] for effect in it.member.method.effects))
    if allowed >= ANYTHING or not await _sound(lab, it.member):
        return
    _, touched = await _restricted(lab, it.member, lab.contract.permissions)
    own = tuple(lab.world.own)
    hidden = [
        (kind, what)
        for kind, what in touched
        if kind not in allowed and not (own and what.startswith(own))
    ]
    if hidden:
        declares = ", ".join(it.member.method.effects) or "no effect"
        yield f"it declares {declares}: expected nothing else to be touched, got{_shown(hidden)}"


async def _sound(lab: Lab, member: Member) -> bool:
    async with lab.trying() as run:
        return (await run.example(member)).error is None


async def _restricted(
    lab: Lab, member: Member, permissions: Permissions
) -> tuple[Outcome, list[tuple[str, str]]]:
    """Run an example with other permissions than its way to the handle had; tell what it touched."""
    from llmspell_testkit.bridge.lab import Outcome

    async with lab.trying() as run:
        try:
            target = await run.reach(member)
        except LlmspellError as error:
            return Outcome(error=error), []
        args = run.args(member)
        run.session.permissions = permissions
        with watching() as watch:
            outcome = await run.outcome(member, args, target)
        return outcome, watch.touched


def _shown(touched: list[tuple[str, str]]) -> str:
    lines: list[Any] = [f"{kind} of {what}" for kind, what in dict.fromkeys(touched)]
    return f" ({'; '.join(lines[:4])})" if lines else ""
