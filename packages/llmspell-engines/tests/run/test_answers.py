"""Every call of a script is answered, whatever goes wrong around it on the host's side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Bridge, EngineConfig, InternalError, Limits, Session, method
from llmspell_engines.host.calls import start
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


@pytest.mark.parametrize("nested", [False, True], ids=["in a callback", "in a task"])
@pytest.mark.parametrize("own", [False, True], ids=["usual tasks", "the program's own"])
async def test_a_call_begins_once_wherever_its_message_is_read(*, nested: bool, own: bool) -> None:
    """Its first step comes at once or next, in a task of its own, and nothing else comes twice."""
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    ended = asyncio.Event()

    async def work() -> None:
        seen.append("begins")
        assert asyncio.current_task() is tasks[0] if tasks else asyncio.current_task() is not None
        await asyncio.sleep(0)
        seen.append("ends")
        ended.set()

    def begin() -> None:
        loop.call_soon(seen.append, "other")
        tasks.append(start(loop, work()))

    loop.set_task_factory((lambda loop, work, **_: asyncio.Task(work, loop=loop)) if own else None)
    try:
        if nested:
            begin()
        else:
            loop.call_soon(begin)
        async with asyncio.timeout(20):
            await ended.wait()
    finally:
        loop.set_task_factory(None)
    assert sorted(seen) == ["begins", "ends", "other"]
    assert seen.index("begins") < seen.index("ends")
