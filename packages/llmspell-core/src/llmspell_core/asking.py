"""Asking whoever can grant it, when a run is about to be refused.

A host hands a `Runtime`, or a run, an `ask`: an async function that is given a `Question` and says
yes or no. Without one, what is not granted is refused. Nothing here reads a terminal: the command
line's own `ask` does, and a program may show a window instead.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from llmspell_core.environment import is_credential
from llmspell_core.header import Header, Needs
from llmspell_core.permissions import covers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_core.errors import PermissionDeniedError
    from llmspell_core.permissions import Permissions
    from llmspell_core.session import Session

    Named = tuple[str, str | None]

MOST_REFUSALS = 3
"""After so many refusals of one effect a run asks no more questions about it."""

MOST_NEEDS = 20
"""Needs of a header that are asked for at once: nobody reads more, so more are not granted."""

_NEEDS = {
    "read": "read",
    "write": "write",
    "net": "net",
    "env": "env",
    "tool": "tools",
    "mcp": "mcp",
    "model": "models",
}
"""Under which name a header declares each effect."""


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to grant: `name` of `effect`, or without a name all of it.

    `declared` says whether the spell's header names it among its `needs`.
    """

    effect: str
    name: str | None
    declared: bool


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a tool that an agent wants to make; `arguments` are JSON."""

    tool: str
    arguments: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a spell wants, to be granted together or not at all.

    `spell` is what it is called in errors, `file` where it was read from, `description` what its
    header says. `where` is the method that wants it, such as ``fs.read``; None before the spell
    starts, when the `wants` are those that its header declares. `because` adds where a name leads.
    With a `call`, nothing is granted: whether this one may be made is asked, and `where` is whose.
    All of it but `file` is the spell's word: show none of it as it is.
    """

    spell: str
    file: str | None
    description: str
    where: str | None
    wants: tuple[Want, ...]
    because: str = ""
    call: ToolCall | None = None


Ask: TypeAlias = Callable[[Question], Awaitable[bool]]
"""Says whether to grant what the question names, for this run; raises what is to end the run."""


class Asking:
    """The questions of one run: one at a time, none twice, and not without end."""

    def __init__(self, session: Session, ask: Ask) -> None:
        """Ask nothing yet."""
        self._session = session
        self._ask = ask
        self._header = session.header or Header()
        self._turn = asyncio.Lock()
        self._asked: set[Sequence[Named]] = set()
        self._refused: list[Named] = []
        self._refusals: Counter[str] = Counter()

    def may_ask(self, effect: str) -> bool:
        """Say whether a question about `effect` would still be asked."""
        return self._refusals[effect] < MOST_REFUSALS

    async def needs(self) -> None:
        """Ask for what the header declares and the run was not granted, in one question."""
        wants = [
            (effect, name)
            for effect, key in _NEEDS.items()
            for name in getattr(self._header.needs, key)
            if not (effect == "env" and is_credential(name))
        ]
        missing = [
            want
            for want in dict.fromkeys(wants)
            if not self._session.permissions.allows(*want) and self._would_help(want)
        ]
        asked = missing[:MOST_NEEDS]
        if asked and not await self._answer(asked, None, ""):
            self._refused += asked

    async def grant(self, refused: PermissionDeniedError, where: str, seen: Permissions) -> None:
        """Have what was refused granted; `seen` are the permissions by which it was refused.

        Raises:
            PermissionDeniedError: it was not.
        """
        wants = refused.wants
        async with self._turn:
            if self._session.permissions is not seen:
                return  # something was granted meanwhile: it is to be looked at again
            if not wants or wants in self._asked or not all(map(self._askable, wants)):
                raise refused
            self._asked.add(wants)
            if not await self._answer(wants, where, refused.because):
                self._refused += wants
                self._refusals.update({effect for effect, _ in wants})
                raise refused

    async def approve(self, call: ToolCall, where: str) -> bool:
        """Ask whether one call may be made, which grants nothing; `where` is the agent."""
        session = self._session
        question = Question(
            spell=session.name,
            file=session.file,
            description=self._header.description,
            where=where,
            wants=(),
            call=call,
        )
        async with self._turn:
            with session.hold():
                yes = await self._ask(question) is True
            session.record({"event": "approved", "tool": call.tool, "call": where, "granted": yes})
        return yes

    def _askable(self, want: Named) -> bool:
        effect, _ = want
        before = any(_holds(refused, want) for refused in self._refused)
        return self.may_ask(effect) and not before and self._would_help(want)

    def _would_help(self, want: Named) -> bool:
        """Say whether the grant would count: a policy may forbid it."""
        return self._session.permissions_with([want]).allows(*want)

    async def _answer(self, wants: Sequence[Named], where: str | None, because: str) -> bool:
        """Ask one question, the run's clock standing still, and grant what is answered with yes."""
        session, header = self._session, self._header
        question = Question(
            spell=session.name,
            file=session.file,
            description=header.description,
            where=where,
            wants=tuple(
                Want(effect=effect, name=name, declared=declares(header.needs, effect, name))
                for effect, name in wants
            ),
            because=because,
        )
        with session.hold():
            yes = await self._ask(question) is True
        names = [list(want) for want in wants]
        session.record({"event": "asked", "call": where, "wants": names, "granted": yes})
        if yes:
            session.grant(wants)
        return yes


def declares(needs: Needs, effect: str, name: str | None) -> bool:
    """Say whether a header declares `name` of `effect`; its relative paths start here."""
    declared = getattr(needs, _NEEDS[effect])
    return name is not None and any(covers(effect, it, name) for it in declared)


def _holds(refused: Named, want: Named) -> bool:
    """Say whether what was refused before is this, or holds it."""
    (effect, name), (wanted_effect, wanted) = refused, want
    if effect != wanted_effect or name is None:
        return effect == wanted_effect
    return wanted is not None and covers(effect, name, wanted)
