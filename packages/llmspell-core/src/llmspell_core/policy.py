"""Policies: installed code that takes away from what runs may touch, use and spend.

A distribution names a subclass of `Policy` under the entry point ``llmspell.policies``::

    class OfficeHours(Policy):
        '''No network at night.'''

        def allows(self, effect: str, name: str | None) -> bool:
            return effect != "net" or 8 <= datetime.now().hour < 18

Whatever a policy answers, what counts is the intersection with what was there before it: it cannot
grant, raise or unlock anything. One that cannot be loaded, fails or answers nonsense stops the run.
"""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from llmspell_core.errors import PermissionDeniedError, PluginError
from llmspell_core.permissions import EFFECTS, Permissions
from llmspell_core.registry import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmspell_core.budget import Budget
    from llmspell_core.limits import Limits
    from llmspell_core.session import Session

GROUP = "llmspell.policies"

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")


class Policy:
    """The base of all policies: it changes nothing. Override what you want to take away from.

    One instance serves every run of a runtime, and is made without arguments.
    """

    def permissions(self, permissions: Permissions) -> Permissions:
        """Narrow a run's grants; called before it starts, and again when it is granted more."""
        return permissions

    def limits(self, limits: Limits) -> Limits:
        """Narrow a run's limits."""
        return limits

    def budget(self, budget: Budget) -> Budget:
        """Narrow a run's budget."""
        return budget

    def allows(self, effect: str, name: str | None) -> bool:  # noqa: ARG002 - for subclasses
        """Say whether a run may do what it was granted; called each time, from any thread.

        `name` is a whole path without links, a host (without its port, and without looking it
        up), a variable, a model ``provider/name``, a tool or an MCP server; None is asked for
        methods that need an effect and do not say for what.
        """
        return True


class Narrowed(Permissions, frozen=True, kw_only=True):
    """Permissions under policies: the grants, further `bounds` that hold as well, and `vetoes`."""

    bounds: tuple[Permissions, ...] = ()
    vetoes: tuple[Callable[[str, str | None], bool], ...] = ()

    def allows(self, effect: str, name: str | None = None) -> bool:
        """Say whether `effect` is granted by every layer, and no policy forbids it."""
        own = Permissions.allows(self, effect, name)
        bounded = own and all(bound.allows(effect, name) for bound in self.bounds)
        return bounded and not self.vetoed(effect, name)

    def layers(self) -> tuple[Permissions, ...]:
        """List the grants that each have to allow what is done."""
        return (self, *self.bounds)

    def vetoed(self, effect: str, name: str | None) -> bool:
        """Say whether a policy forbids what the grants allow."""
        return any(veto(effect, name) for veto in self.vetoes)


class Policies:
    """All policies of a runtime, applied one after the other."""

    def __init__(self, owned: Iterable[tuple[Policy, str | None]]) -> None:
        """Take the policies, each with its distribution, where it has one."""
        self._owned = [_Owned(policy, distribution) for policy, distribution in owned]

    def permissions(self, granted: Permissions) -> Permissions:
        """Return what every policy leaves of the grants.

        Raises:
            PluginError: one of them fails.
        """
        for policy in self._owned:
            granted = policy.permissions(granted)
        return granted

    def limits(self, limits: Limits) -> Limits:
        """Return the lowest of each limit.

        Raises:
            PluginError: one of them fails.
        """
        for policy in self._owned:
            limits = policy.lowest("limits", limits)
        return limits

    def budget(self, budget: Budget) -> Budget:
        """Return the lowest of each part of the budget.

        Raises:
            PluginError: one of them fails.
        """
        for policy in self._owned:
            budget = policy.lowest("budget", budget)
        return budget

    def explained(self, refused: PermissionDeniedError, session: Session) -> PermissionDeniedError:
        """Say that a policy forbids it, where no grant would help."""
        wanted = session.permissions_with(refused.wants)
        if all(wanted.allows(*want) for want in refused.wants):
            return refused
        granted = Permissions()
        for want in refused.wants:
            granted = granted.granting(*want)
        owners = [
            policy.owner
            for policy in self._owned
            if not all(policy.permissions(granted).allows(*want) for want in refused.wants)
        ]
        what = refused.message.partition(" is not permitted")[0]
        owner = owners[0] if owners else "a policy"
        text = f"{what} is not permitted: {owner} forbids it, whatever is granted"
        return PermissionDeniedError(text)


class _Owned:
    """One policy and whose it is; what it answers is checked."""

    def __init__(self, policy: Policy, distribution: str | None) -> None:
        self.policy = policy
        self.distribution = distribution
        whose = f" of the distribution {distribution}" if distribution else ""
        self.owner = f"the policy `{type(policy).__name__}`{whose}"

    def permissions(self, granted: Permissions) -> Permissions:
        plain = Permissions(**{effect: getattr(granted, effect) for effect in EFFECTS})
        answer: object = self._call(self.policy.permissions, plain)
        if not isinstance(answer, Permissions) or not all(
            _is_grant(getattr(answer, effect)) for effect in EFFECTS
        ):
            self._nonsense("permissions", answer)
        narrowed = _intersection(granted, answer)
        if type(self.policy).allows is Policy.allows:
            return narrowed
        vetoes = (*getattr(narrowed, "vetoes", ()), self._vetoes)
        return msgspec.structs.replace(_as_narrowed(narrowed), vetoes=vetoes)

    def lowest(self, what: str, before: R) -> R:
        answer = self._call(getattr(self.policy, what), before)
        if type(answer) is not type(before):
            self._nonsense(what, answer)
        changes = {}
        for name in before.__struct_fields__:
            old, new = getattr(before, name), getattr(answer, name)
            number = not isinstance(new, bool) and isinstance(new, int | float) and not isnan(new)
            if new is not None and not number:
                self._nonsense(f"{what}: {name}", new)
            if new is not None and (old is None or new < old):
                changes[name] = new
        return msgspec.structs.replace(before, **changes)

    def _vetoes(self, effect: str, name: str | None) -> bool:
        answer: object = self._call(self.policy.allows, effect, name)
        if not isinstance(answer, bool):
            self._nonsense("allows", answer)
        return not answer

    def _call(self, function: Callable[..., T], *args: Any) -> T:
        try:
            return function(*args)
        except Exception as error:
            text = f"{self.owner} failed: {type(error).__name__}: {error}"
            raise PluginError(text, distribution=self.distribution) from error

    def _nonsense(self, what: str, answer: object) -> NoReturn:
        text = f"{self.owner} failed: `{what}` gave {type(answer).__name__} {answer!r:.80}"
        raise PluginError(text, distribution=self.distribution)


def _is_grant(grant: object) -> bool:
    return isinstance(grant, bool) or (
        isinstance(grant, tuple) and all(isinstance(name, str) for name in grant)
    )


def _as_narrowed(permissions: Permissions) -> Narrowed:
    if isinstance(permissions, Narrowed):
        return permissions
    return Narrowed(**{effect: getattr(permissions, effect) for effect in EFFECTS})


def _intersection(before: Permissions, after: Permissions) -> Permissions:
    """Return what both allow; where neither holds the other, both are kept and both are asked.

    That all hosts are granted does not grant private addresses, which a name in `after` may be: so
    of hosts both are kept then too.
    """
    fields: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    for effect in EFFECTS:
        old, new = getattr(before, effect), getattr(after, effect)
        if not old or not new:
            fields[effect] = False
        elif new is True:
            fields[effect] = old
        else:
            fields[effect] = new
            if old is True and effect != "net":
                continue
            if old is True or not set(new) <= set(old):
                bounds[effect] = old
    if not bounds:
        return msgspec.structs.replace(before, **fields)
    bound = Permissions(**{**dict.fromkeys(EFFECTS, True), **bounds})
    narrowed = _as_narrowed(before)
    return msgspec.structs.replace(narrowed, **fields, bounds=(*narrowed.bounds, bound))


def find_policies(given: Sequence[Policy]) -> Policies | None:
    """Load the installed policies, and add the given ones; None where there are none.

    Raises:
        PluginError: one cannot be loaded; nothing may run without it.
    """
    owned: list[tuple[Policy, str | None]] = [(policy, None) for policy in given]
    for plugin in installed(GROUP).values():
        made, distribution = plugin.load(), plugin.distribution
        owner = f"the policy `{plugin.name}` of the distribution {distribution}"
        try:
            policy = made() if isinstance(made, type) and issubclass(made, Policy) else None
        except Exception as error:
            text = f"{owner} cannot be made: {type(error).__name__}: {error}"
            raise PluginError(text, distribution=distribution) from error
        if policy is None:
            text = f"{owner} is not a subclass of llmspell_core.Policy"
            raise PluginError(text, distribution=distribution)
        owned.append((policy, distribution))
    return Policies(owned) if owned else None
