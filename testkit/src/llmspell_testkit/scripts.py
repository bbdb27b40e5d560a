"""`ScriptSet`: one spell, written in each language."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ScriptSet:
    """The same script in several languages, by engine name.

    ::

        hello = ScriptSet(lua='return "Hello"', javascript='return "Hello"')
        hello["lua"]
    """

    def __init__(self, description: str = "", **sources: str) -> None:
        """Take the source for each engine: ``ScriptSet(lua=…, javascript=…)``.

        Raises:
            ValueError: there is none.
        """
        if not sources:
            raise ValueError("a ScriptSet needs a source: ScriptSet(lua='return 1')")
        self.description = description
        self.sources = dict(sources)

    def __getitem__(self, engine: str) -> str:
        """Return the source for an engine.

        Raises:
            KeyError: the set has none; the message says which it has.
        """
        if engine not in self.sources:
            text = f"no source for the engine `{engine}`; there are: {', '.join(self.sources)}"
            raise KeyError(text)
        return self.sources[engine]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the engines' names."""
        return iter(self.sources)
