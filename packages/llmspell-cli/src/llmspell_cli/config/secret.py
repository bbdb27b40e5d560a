"""A key that is read when it is used, and never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable


class Secret:
    """Where a key comes from; the key itself is read by whoever uses it.

    It has the one method of pydantic's `SecretStr` that matters, so either can be handed to a
    bridge. It is read at each use: an unused key is never fetched, and none lingers in memory.
    """

    __slots__ = ("_read", "source")

    def __init__(self, read: Callable[[], str | None], source: str) -> None:
        """Take how to read it, and where from in words that may be shown."""
        self._read = read
        self.source = source

    def get_secret_value(self) -> str | None:
        """Read the key; None where there is none.

        Raises:
            ConfigurationError: it is empty, or cannot be read.
        """
        return self._read()

    def __repr__(self) -> str:
        """Show where it comes from, not what it is."""
        return f"Secret({self.source})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into something that can be."""
        text = "a secret cannot be pickled"
        raise TypeError(text)
