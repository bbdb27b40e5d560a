"""Every call of a script is answered, whatever goes wrong around it on the host's side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Bridge, EngineConfig, InternalError, Limits, Session, method
from llmspell_engines.javascript import JavaScriptEngine
from llmspell_engines.lua import LuaEngine

if TYPE_CHECKING:
    from llmspell_core import ScriptEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class Demo(Bridge):
    """Answers."""

    name = "demo"

    @method()
    async def hello(self) -> str:
        """Say hello."""
        return "hello"


@pytest.mark.parametrize(
    ("engine", "script"),
    [(LuaEngine, "return demo.hello()"), (JavaScriptEngine, "return await demo.hello();")],
)
async def test_what_nobody_foresaw_is_an_answer_too(
    engine: type[ScriptEngine], script: str
) -> None:
    """A recorder that fails ends the call with an error, and the spell does not wait for ever."""

    def fail(_: dict[str, Any]) -> None:
        raise ZeroDivisionError

    session = Session(bridges={"demo": Demo()}, recorder=fail, limits=Limits(timeout_s=20.0))
    async with await engine.create(EngineConfig(isolation="process")) as running:
        with pytest.raises(InternalError, match=r"`demo.hello` failed: ZeroDivisionError"):
            await running.execute(script, session=session)
