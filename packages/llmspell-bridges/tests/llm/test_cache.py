"""Answers that are kept on disk."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.llm.cache import AnswerCache
from llmspell_core import ProviderError, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
KEPT = {"cache": True}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep answers in a folder of the test's own."""
    monkeypatch.setenv("LLMSPELL_CACHE_DIR", str(tmp_path))
    return tmp_path / "answers"


async def test_the_second_answer_comes_from_the_disk(session: Session, ask: Any, mock: Any) -> None:
    """It costs nothing and counts as no call; all else is as it was."""
    mock.reply("Four.")
    first = await ask("complete", "2 + 2?", KEPT)
    spent, calls = session.ledger.usage.cost_usd, session.ledger.usage.llm_calls
    second = await ask("complete", "2 + 2?", KEPT)
    assert second == "Four."
    assert first.fields["metadata"]["cache"] == "miss"
    assert second.fields["metadata"]["cache"] == "hit"
    assert second.fields["cost_usd"] == 0
    assert second.fields["usage"] == first.fields["usage"]
    assert second.fields["message"] == first.fields["message"]
    assert len(mock.requests) == 1
    assert (session.ledger.usage.cost_usd, session.ledger.usage.llm_calls) == (spent, calls)


async def test_the_cache_is_off_unless_asked_for(ask: Any, mock: Any, folder: Path) -> None:
    """Nothing is read, nothing written."""
    for _ in range(2):
        answer = await ask("complete", "Hi")
        assert "cache" not in answer.fields["metadata"]
    assert len(mock.requests) == 2
    assert not folder.exists()


@pytest.mark.parametrize(
    "other", [{"temperature": 0.5}, {"model": "openai/gpt-4.1"}, {"system": "Be terse."}]
)
async def test_another_request_has_another_answer(ask: Any, mock: Any, other: Any) -> None:
    """Everything that the answer depends on is part of the key."""
    await ask("complete", "Hi", KEPT)
    await ask("complete", "Hi", {**KEPT, **other})
    assert len(mock.requests) == 2


async def test_another_address_has_another_answer(
    mock: Any, settings: dict[str, Any], opened: Any
) -> None:
    """A project that names its own server cannot answer for the real one."""
    await call(await opened(settings), "llm", "complete", ["Hi", KEPT])
    settings["providers"]["openai"]["base_url"] = f"{mock.base_url()}/../v1"
    await call(await opened(settings), "llm", "complete", ["Hi", KEPT])
    assert len(mock.requests) == 2


async def test_an_answer_that_is_too_old_is_asked_for_again(
    ask: Any, mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ttl_s` is how old it may be."""
    await ask("complete", "Hi", KEPT)
    monkeypatch.setattr("llmspell_bridges.llm.cache.time", lambda: 4e9)
    await ask("complete", "Hi", KEPT)
    assert len(mock.requests) == 1
    await ask("complete", "Hi", {"cache": {"ttl_s": 3600}})
    assert len(mock.requests) == 2


async def test_an_error_is_never_kept(ask: Any, mock: Any) -> None:
    """The next call asks again."""
    mock.fail(500, times=1)
    with pytest.raises(ProviderError):
        await ask("complete", "Hi", KEPT)
    await ask("complete", "Hi", KEPT)
    assert len(mock.requests) == 2


async def test_a_stream_from_the_cache_is_one_piece_and_an_end(
    ask: Any, pull: Any, mock: Any
) -> None:
    """A stream fills the cache for both, and is served from it."""
    mock.reply("one two three")
    *pieces, end = await pull("Count", KEPT)
    assert (len(pieces), end.fields["metadata"]["cache"]) == (3, "miss")
    piece, end = await pull("Count", KEPT)
    assert (str(piece), piece.fields["type"]) == ("one two three", "text")
    assert (str(end), end.fields["type"]) == ("", "end")
    assert (end.fields["metadata"]["cache"], end.fields["cost_usd"]) == ("hit", 0)
    assert await ask("complete", "Count", KEPT) == "one two three"
    assert len(mock.requests) == 1


async def test_embeddings_are_kept_too(ask: Any, mock: Any) -> None:
    """Number for number."""
    first = await ask("embed", "owl", KEPT)
    second = await ask("embed", "owl", KEPT)
    assert second["embedding"] == first["embedding"]
    assert second["metadata"]["cache"] == "hit"
    assert len(mock.requests) == 1


async def test_the_host_can_turn_it_on_for_all(
    mock: Any, settings: dict[str, Any], opened: Any
) -> None:
    """And a script off for a call."""
    settings["cache"] = {"always": True}
    session = await opened(settings)
    for options in ({}, {}, {"cache": False}):
        await call(session, "llm", "complete", ["Hi", options])
    assert len(mock.requests) == 2


async def test_the_file_is_the_users_alone(ask: Any, folder: Path) -> None:
    """Prompts are in its keys only as a hash, answers are in it as they are."""
    await ask("complete", "Hi", KEPT)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_least_used_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache stays within its bytes; one answer that is too large for it is not kept."""
    now = [1000.0]
    monkeypatch.setattr("llmspell_bridges.llm.cache.time", lambda: now[0])
    cache = AnswerCache(tmp_path / "a.sqlite3", max_bytes=800)
    for number in range(10):
        now[0] += 100
        cache.put(bytes([number]), "x" * 70, {})
        cache.get(b"\0", None)
    cache.put(b"large", "x" * 500, {})
    kept = [number for number in range(10) if cache.get(bytes([number]), None)]
    assert kept[0] == 0
    assert kept[-1] == 9
    assert len(kept) < 10
    assert cache.get(b"large", None) is None
    cache.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" * 300])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    """A cache is not worth an error."""
    path = tmp_path / "a.sqlite3"
    path.write_bytes(content)
    cache = AnswerCache(path, max_bytes=10_000)
    assert cache.get(b"k", None) is None
    cache.put(b"k", "text", {"n": 1})
    found = cache.get(b"k", None)
    assert found is not None
    assert (found.text, found.fields) == ("text", {"n": 1})
    cache.close()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """The request is made instead."""
    (tmp_path / "file").write_text("")
    cache = AnswerCache(tmp_path / "file" / "a.sqlite3", max_bytes=10_000)
    cache.put(b"k", "text", {})
    assert cache.get(b"k", None) is None
