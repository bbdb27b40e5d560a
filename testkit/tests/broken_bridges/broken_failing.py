"""Bridges that tell a failure badly: not at all, of the wrong kind, or with a secret in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from good_bridge import BridgeWorld, Fault, Library, broken

from llmspell_core import (
    Bridge,
    ConfigurationError,
    NetworkError,
    ToolError,
    ValidationError,
    method,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "kd83-vault-entry"
DOWN = {"faults": {"down": Fault(method="reverse", broken=Library.broken, kind="network")}}


class Asking(Bridge):
    """Asks the library."""

    name = "asking"


@broken("a bare exception crosses", "down.fault", more=DOWN)
class Bare(Asking):
    """Asks the library."""

    @method(example={"question": "stressed"})
    async def reverse(self, question: str) -> str:
        """Ask the library."""
        return Library.ask(question)


@broken("an error is swallowed", "down.fault", more=DOWN)
class Swallowing(Asking):
    """Asks the library."""

    @method(example={"question": "stressed"})
    async def reverse(self, question: str) -> str | None:
        """Ask the library."""
        try:
            return Library.ask(question)
        except ConnectionError:
            return None


@broken("an error of the wrong kind", "down.fault", more=DOWN)
class WrongKind(Asking):
    """Asks the library."""

    @method(example={"question": "stressed"})
    async def reverse(self, question: str) -> str:
        """Ask the library."""
        try:
            return Library.ask(question)
        except ConnectionError as error:
            raise ToolError(str(error)) from None


@broken("a mistake of the bridge's own", "shout.errors-mapped")
class Careless(Bridge):
    """Shouts."""

    name = "careless"

    @method(example={"text": "hi"})
    async def shout(self, text: Any) -> str:
        """Shout a text."""
        return str(text.upper())


@broken("an error that does not name the argument", "shout.errors-name-argument")
class Vague(Bridge):
    """Shouts."""

    name = "vague"

    @method(example={"text": "hi"})
    async def shout(self, text: Any) -> str:
        """Shout a text."""
        if not isinstance(text, str):
            raise ValidationError("something is wrong")
        return text.upper()


class WithKey(Bridge):
    """Asks the library, with a key."""

    name = "with_key"

    def __init__(self, key: str = "") -> None:
        self.key = key

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> WithKey:
        """Take the key."""
        return cls(settings["key"])


def _with_key(_: object) -> BridgeWorld:
    return BridgeWorld(settings={"key": SECRET}, secrets=(SECRET,))


@broken("a secret in an error", "reverse.secrets-kept", more=DOWN, world=_with_key)
class TellingError(WithKey):
    """Asks the library, with a key."""

    @method(example={"question": "stressed"})
    async def reverse(self, question: str) -> str:
        """Ask the library."""
        try:
            return Library.ask(question)
        except ConnectionError as error:
            raise NetworkError(f"{error}, at https://example.org/?key={self.key}") from None


@broken("a secret in an answer", "reverse.secrets-kept", world=_with_key)
class TellingAnswer(WithKey):
    """Asks the library, with a key."""

    @method(example={"question": "stressed"})
    async def reverse(self, question: str) -> dict[str, str]:
        """Ask the library."""
        return {"answer": Library.ask(question), "authorization": f"Bearer {self.key}"}


_OPENING = {"faults": {"down": Fault(method=None, broken=Library.broken, kind="configuration")}}
LEFT: list[int] = []
"""Descriptors that a broken bridge leaves; closed after its test."""


@broken("opening fails half-way, and leaves what it had", "down.fault", more=_OPENING)
class HalfOpen(Asking):
    """Asks the library."""

    async def open(self) -> None:
        """Take a descriptor, then ask."""
        self._descriptor = os.open(os.devnull, os.O_RDONLY)
        try:
            Library.ask("are you there?")
        except ConnectionError as error:
            LEFT.append(self._descriptor)
            raise ConfigurationError(str(error)) from None

    async def close(self) -> None:
        """Give it back."""
        descriptor, self._descriptor = getattr(self, "_descriptor", -1), -1
        if descriptor >= 0:
            os.close(descriptor)

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        return "pong"


@broken("opening fails with an exception of the library's", "down.fault", more=_OPENING)
class BareOpen(Asking):
    """Asks the library."""

    async def open(self) -> None:
        """Ask."""
        Library.ask("are you there?")

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        return "pong"
