"""One version of a spell: its source, its header and everything it includes, read at one time."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from llmspell_core.header import Header, parse_header
from llmspell_core.includes import Include, find_includes
from llmspell_core.source import Source, read_source

if TYPE_CHECKING:
    from pathlib import Path


class Spell:
    """A spell as it will run: nothing of it is read again later."""

    def __init__(self, source: Source) -> None:
        """Read the header and the includes of `source`.

        Raises:
            ConfigurationError: the header is wrong, or it includes too much.
        """
        self.source = source
        self.header: Header = parse_header(source.text, source.name)
        self.includes: dict[str, Include] = find_includes(source)

    @classmethod
    def read(cls, path: str | Path) -> Spell:
        """Read the spell in the file `path`; see `llmspell_core.read_source` for its errors."""
        return cls(read_source(path))

    @property
    def name(self) -> str:
        """What the spell is called in errors."""
        return self.source.name

    @property
    def texts(self) -> list[str]:
        """The sources of the spell and of its includes."""
        return [self.source.text, *(item.source for item in self.includes.values())]

    @property
    def files(self) -> list[str]:
        """The files it was read from."""
        own = [self.source.path] if self.source.path else []
        return own + [item.path for item in self.includes.values() if item.path]

    @cached_property
    def version(self) -> str:
        """The hash of all its sources: 16 hexadecimal digits of SHA-256."""
        from hashlib import sha256  # 4 ms that most runs do not need

        digest = sha256(self.source.text.encode())
        for name, item in self.includes.items():
            digest.update(f"\0{name}\0{item.source}".encode())
        return digest.hexdigest()[:16]
