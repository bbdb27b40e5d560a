"""A bridge to dictionary servers (RFC 2229): ``dictionary.define("spell")``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from typing import Annotated, Any

import msgspec

from llmspell_core import BadResponseError, Bridge, CallContext, NetworkError, method

Word = Annotated[
    str, msgspec.Meta(pattern=r'^[^"\\\x00-\x1f\x7f]{1,100}$', description="What to look up")
]


class Definition(msgspec.Struct):
    """What one dictionary says of a word."""

    source: str
    text: str


class Dictionary(Bridge):
    """Looks words up on the dictionary server that the settings name."""

    name = "dictionary"
    by_name = True

    def __init__(self, host: str = "localhost", port: int = 2628) -> None:
        """Keep the server's address; each call has a connection of its own."""
        self.host, self.port = host, port

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Bridge:
        """Take ``host`` and ``port``."""
        return cls(**settings)

    @method(effects=("net",), example={"word": "spell"})
    async def define(self, word: Word, *, ctx: CallContext) -> AsyncIterator[Definition]:
        """Give what each dictionary of the server says of a word, as it comes."""
        await ctx.ask("net", self.host)
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            with closing(writer):
                writer.write(f'DEFINE * "{word}"\r\n'.encode())
                while (line := (await reader.readuntil(b"\n")).decode())[:3] not in ("250", "552"):
                    if line >= "4":
                        raise BadResponseError(f"the dictionary server says: {line.strip()}")
                    if line.startswith("151"):
                        text = (await reader.readuntil(b"\r\n.\r\n")).decode()[:-5]
                        source, lines = line.split('"')[-2], text.replace("\r\n..", "\r\n.")
                        yield Definition(source=source, text=lines.replace("\r\n", "\n"))
        except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError) as error:
            raise NetworkError(f"no dictionary at {self.host}:{self.port}: {error}") from error
