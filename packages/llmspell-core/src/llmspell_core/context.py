"""What a bridge's method sees of the run that calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_core.errors import InternalError
from llmspell_core.permissions import denied

if TYPE_CHECKING:
    from llmspell_core.session import Session


class CallContext:
    """What a method sees of the run that calls it; ask for it with a parameter named ``ctx``."""

    __slots__ = ("effects", "session", "where")

    def __init__(self, session: Session, where: str, effects: tuple[str, ...]) -> None:
        """Tie the session to one call."""
        self.session = session
        self.where = where
        self.effects = effects

    async def ask(self, effect: str, name: str | None = None) -> None:
        """Pass if the run is granted `effect` (for `name`), and the method declares it.

        Where there is somebody to ask, they are, and may grant it.

        Raises:
            PermissionDeniedError: with the flag that would grant it.
            InternalError: the method does not declare the effect: a mistake of the bridge's.
        """
        if effect not in self.effects:
            text = f"`{self.where}` uses the effect `{effect}` without declaring it"
            raise InternalError(text)
        session = self.session

        async def check() -> None:
            if not session.permissions.allows(effect, name):
                raise denied(effect, name)

        await session.permitted(check, self.where)
