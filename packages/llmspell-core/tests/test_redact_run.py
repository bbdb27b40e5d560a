"""Keys at the boundaries of a run: answers, errors, logs, recordings, spans."""

from __future__ import annotations

import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import (
    Bridge,
    EngineInfo,
    InternalError,
    LlmspellError,
    NetworkError,
    Permissions,
    Runtime,
    Session,
    TextRecord,
    method,
)
from llmspell_core.dispatch import call
from llmspell_core.redact import Redactor
from llmspell_core.redact import redactor as shared
from llmspell_core.telemetry import span

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = "9f3kq81xz7Lw20aaPq"


class Leaky(Bridge):
    """Tells the key that it works with, in every way there is."""

    name = "leaky"

    @method()
    async def answer(self) -> dict[str, Any]:
        """Answer with it."""
        return {"text": f"it is {PLAIN}", "data": PLAIN.encode(), "record": TextRecord(PLAIN)}

    @method()
    async def fail(self) -> None:
        """Fail with it."""
        raise NetworkError(f"cannot use {PLAIN}", provider=PLAIN)

    @method()
    async def crash(self) -> None:
        """Make a mistake that tells it."""
        raise ConnectionError(PLAIN)

    @method()
    async def stream(self) -> AsyncIterator[str]:
        """Stream it."""
        yield f"it is {PLAIN}"
        raise ConnectionError(PLAIN)

    @method(effects=("read",))
    async def read(self) -> str:
        """Read a file of the user's that holds it."""
        return PLAIN

    @method(effects=("read",))
    async def lines(self) -> AsyncIterator[str]:
        """Read it line by line."""
        yield PLAIN


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Redactor:
    """The process's redactor, which knows one key and forgets it after the test."""
    for name, empty in (("known", {}), ("starts", {}), ("_bytes", [])):
        monkeypatch.setattr(shared, name, empty)
    shared.learn(PLAIN, "ACME_KEY")
    return shared


@pytest.fixture
def leaky(known: Redactor) -> tuple[Session, list[Any]]:
    """A run with the leaky bridge, all it could tell granted, and what it tells."""
    told: list[Any] = []
    session = Session(
        bridges={"leaky": Leaky()},
        permissions=Permissions(read=True),
        on_log=lambda level, text: told.append((level, text)),
        recorder=told.append,
    )
    return session, told


@pytest.mark.anyio
async def test_a_key_does_not_cross_to_the_script(leaky: tuple[Session, list[Any]]) -> None:
    """Not in an answer, an item of a stream, an error or its cause; and nothing of it is recorded."""
    session, told = leaky
    seen: list[Any] = [await call(session, "leaky", "answer", [])]
    for name in ("fail", "crash"):
        with pytest.raises(LlmspellError) as caught:
            await call(session, "leaky", name, [])
        seen.append("".join(traceback.format_exception(caught.value)))
        seen += [caught.value.details, repr(caught.value.__cause__)]
    stream: Any = await call(session, "leaky", "stream", [])
    seen.append(await call(session, stream.id, "next", []))
    with pytest.raises(LlmspellError) as caught:
        await call(session, stream.id, "next", [])
    seen.append(repr(caught.value) + repr(caught.value.__cause__))
    await session.close()
    assert PLAIN not in str(seen) + str(told)
    assert str(seen).count("[redacted: ACME_KEY]") >= 8
    assert len(told) == 6


@pytest.mark.anyio
async def test_what_the_spell_may_read_is_its_own(leaky: tuple[Session, list[Any]]) -> None:
    """A file is what it is, so that writing it back does not spoil it; the recording knows no key."""
    session, told = leaky
    assert await call(session, "leaky", "read", []) == PLAIN
    stream: Any = await call(session, "leaky", "lines", [])
    assert (await call(session, stream.id, "next", []))["items"] == [PLAIN]  # type: ignore[index,call-overload]  # a map
    assert PLAIN not in str(told)


@pytest.mark.anyio
async def test_what_a_spell_prints_and_sends_is_kept_without_a_key(
    leaky: tuple[Session, list[Any]],
) -> None:
    """It may have read one where it was allowed to; logs and recordings are for others."""
    session, told = leaky
    session.log("log", f"the file says {PLAIN}")
    with pytest.raises(LlmspellError):
        await call(session, "leaky", "answer", [{"x": [PLAIN]}, PLAIN.encode()])
    session.record({"event": "close_failed", "error": "Bearer abcdefgh12345678"})
    assert PLAIN not in str(told)
    assert "abcdefgh" not in str(told)
    assert told[0] == ("log", "the file says [redacted: ACME_KEY]")


class Broken(ToyEngine):
    """Fails with the key."""

    info = EngineInfo(name="broken", language="Toy", version="1", suffixes=(".b",), comment="#")

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Any:
        raise OSError(PLAIN)


@pytest.mark.anyio
async def test_an_engine_that_fails_tells_no_key(known: Redactor) -> None:
    """Nor does what caused it, or what else hangs on the error."""
    async with Runtime(engines=[Broken]) as runtime:
        with pytest.raises(InternalError) as caught:
            await runtime.run("", language="broken")
    error: BaseException | None = caught.value
    while error is not None:
        assert PLAIN not in repr(error)
        error = error.__cause__ or error.__context__


class Spans:
    """Stands for OpenTelemetry's API: keeps what it is told."""

    class StatusCode:
        """The API's codes."""

        ERROR = "error"

    def __init__(self) -> None:
        self.told: list[Any] = []

    def get_tracer(self, name: str) -> Spans:
        return self

    def Status(self, *status: str) -> tuple[str, ...]:  # noqa: N802 - the API's own name
        return status

    @contextmanager
    def start_as_current_span(self, name: str, **options: Any) -> Iterator[Spans]:
        self.told.append((name, options))
        yield self

    def set_attribute(self, *attribute: str) -> None:
        self.told.append(attribute)

    def set_status(self, status: tuple[str, ...]) -> None:
        self.told.append(status)


def test_a_span_tells_no_key(known: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its attributes nor the error that ended it; the API's own record is turned off."""
    spans = Spans()
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", spans)
    with pytest.raises(NetworkError), span("spell.run", {"llmspell.spell": f"a {PLAIN}"}):
        raise NetworkError(f"cannot use {PLAIN}")
    assert PLAIN not in str(spans.told)
    assert spans.told[1:] == [
        ("error.type", "network"),
        ("error", "cannot use [redacted: ACME_KEY]"),
    ]
    assert spans.told[0][1]["record_exception"] is False


@pytest.mark.anyio
async def test_a_variable_that_holds_a_key_is_not_granted(known: Redactor) -> None:
    """Whatever it is called: the host uses what is in it as a key."""
    environ = {"ACME": f"{PLAIN}", "URL": f"https://u:{PLAIN}@h", "HOME": "/home/u"}
    async with Runtime(
        engines=[ToyEngine], environ=environ, permissions=Permissions(env=True)
    ) as runtime:
        assert (await runtime.run("env", language="toy")).value == {"HOME": "/home/u"}
