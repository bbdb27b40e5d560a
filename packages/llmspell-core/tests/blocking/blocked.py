"""An engine that evaluates Python functions in its threads, and a bridge for them to call."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from llmspell_core import (
    BlockingEngine,
    BlockingSession,
    Bridge,
    EngineConfig,
    EngineInfo,
    LimitError,
    TextRecord,
    method,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_core import Session

place: ContextVar[str] = ContextVar("place", default="nowhere")
RECORD = TextRecord("text", {"field": 1})


class Depot(Bridge):
    """Gives what it holds, and remembers who waited for it."""

    name = "depot"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.left = 0
        self.holds: Any = None

    @method()
    async def wait(self) -> None:
        """Never answer."""
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left += 1

    @method()
    async def place(self) -> str:
        """Say where the caller is."""
        return place.get()

    @method()
    async def give(self) -> Any:
        """Give what it holds."""
        return self.holds

    @method()
    async def take(self, item: Any) -> str:
        """Take something."""
        return type(item).__name__

    @method()
    async def spend(self) -> None:
        """Go beyond a limit."""
        raise LimitError("that was too much", limit="handles", value=1, option=None)


class Blocked(BlockingEngine):
    """Evaluates the Python function that it is given."""

    info = EngineInfo(name="blocked", language="Blocked", version="1", suffixes=(".blocked",))

    def __init__(self, body: Callable[[BlockingSession], Any]) -> None:
        super().__init__(EngineConfig(isolation="inproc"))
        self.body = body

    async def check_syntax(self, script: str, name: str) -> None:
        """Accept everything."""

    def evaluate(self, script: str, params: dict[str, Any], session: BlockingSession) -> Any:
        return self.body(session)


class Rich(Blocked):
    """Offers all that a value may need."""

    info = EngineInfo(
        name="rich",
        language="Rich",
        version="1",
        suffixes=(".rich",),
        capabilities=frozenset({"binary", "callbacks", "hard_timeout", "int64", "text_records"}),
    )


class Alone(Blocked):
    """Has one thread."""

    threads = 1


async def run(
    body: Callable[[BlockingSession], Any],
    session: Session,
    *,
    kind: type[Blocked] = Blocked,
    **params: Any,
) -> Any:
    """Evaluate a function as a script."""
    async with kind(body) as engine:
        return await engine.execute("", params, session=session)


def until_ended(session: BlockingSession) -> None:
    """Do as a busy script does whose interpreter looks whether it should go on."""
    while not session.ended:
        threading.Event().wait(0.001)
