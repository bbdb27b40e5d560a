"""A key that is read when it is first used, and never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


class Secret:
    """Where a key comes from; the key itself is read by whoever uses it.

    It has the one method of pydantic's `SecretStr` that matters, so either can be handed to a
    bridge. An unused key is never fetched; one that was read is known to the redactor.
    """

    __slots__ = ("_read", "_value", "name", "source")

    def __init__(
        self, read: Callable[[], str | None], source: str, *, name: str | None = None
    ) -> None:
        """Take how to read it, where from in words that may be shown, and its `name` alone."""
        self._read = read
        self._value: str | None = None
        self.source = source
        self.name = name or source

    @classmethod
    def of(cls, value: str, name: str) -> Self:
        """Make a secret of a key that is here already."""
        redactor.learn(value, name)
        return cls(lambda: value, name)

    @property
    def is_read(self) -> bool:
        """Whether reading it takes no time any more: a keyring may have to ask its user."""
        return self._value is not None

    def get_secret_value(self) -> str | None:
        """Read the key; None where there is none.

        Raises:
            ConfigurationError: it is empty, or cannot be read.
        """
        if self._value is None:
            self._value = self._read()
            redactor.learn(self._value, self.name)
        return self._value

    def __repr__(self) -> str:
        """Show where it comes from, not what it is."""
        return f"Secret({self.source})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied into something that can be."""
        text = "a secret cannot be pickled"
        raise TypeError(text)
