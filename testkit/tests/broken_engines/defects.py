"""What a defect is: a run or an engine that does one thing wrong, and the cases that show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from snake import Run, Snake

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_core.engine import EngineInfo


class Defect(msgspec.Struct, frozen=True):
    """A broken engine, the case or test that must catch it, and those that may, too."""

    engine: type[Snake]
    named: str
    related: frozenset[str]


DEFECTS: dict[str, Defect] = {}


def declining(*capabilities: str) -> EngineInfo:
    """Make what an engine says of itself that declines some of what the good one offers."""
    kept = Snake.info.capabilities - set(capabilities)
    return msgspec.structs.replace(Snake.info, capabilities=kept)


def lacking(*traits: str) -> EngineInfo:
    """Make what an engine says of itself that states fewer traits than the good one."""
    return msgspec.structs.replace(Snake.info, traits=Snake.info.traits - set(traits))


def defect(
    named: str, *related: str, declines: str | None = None
) -> Callable[[type[Any]], type[Any]]:
    """Register a subclass of `Run`, or of `Snake`, as a broken engine; it may decline something."""

    def register(cls: type[Any]) -> type[Any]:
        assert issubclass(cls, (Run, Snake))
        assert cls.__name__ not in DEFECTS
        parts: dict[str, Any] = {} if declines is None else {"info": declining(declines)}
        engine = cls
        if issubclass(cls, Run):
            engine = type(cls.__name__, (Snake,), {**parts, "run_class": cls})
        DEFECTS[cls.__name__] = Defect(engine, named, frozenset(related))
        return cls

    return register
