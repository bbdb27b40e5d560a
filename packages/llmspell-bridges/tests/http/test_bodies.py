"""Answers that lie, never end, come too slowly or explode; and streams."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.http.inflate import PIECE_BYTES, Inflater
from llmspell_core import BadResponseError, NetworkError, PermissionDeniedError
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Http, Server

    from llmspell_core import Session

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def endless(head: str, piece: bytes) -> Any:
    """Answer with a head, then the same piece until the other side hangs up."""

    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode())
        while True:
            writer.write(piece)
            await writer.drain()

    return reply


def silent(start: str) -> Any:
    """Answer with the start of an answer and then with nothing."""

    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(start.encode())
        await asyncio.Event().wait()

    return reply


async def pull(session: Session, stream: Any) -> list[Any]:
    """Pull a stream to its end."""
    items: list[Any] = []
    done = False
    while not done:
        answer: Any = await call(session, stream.id, "next", [])
        items += answer["items"]
        done = answer["done"]
    return items


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        ("HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"4000\r\n" + b"x" * 16384 + b"\r\n",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(bytes(65536))),
    ],
    ids=["as it is", "in chunks", "packed"],
)
async def test_a_body_that_never_ends_is_cut(
    http: Http, server: Server, head: str, piece: bytes
) -> None:
    """At 10 MiB, packed or unpacked; the error says how to read more."""
    server.replies["/"] = endless(head, piece)
    with pytest.raises(
        BadResponseError, match=r"larger than 10,485,760 bytes and was cut"
    ) as caught:
        await http("get", server.url())
    assert "`http.stream`" in str(caught.value)
    assert caught.value.retryable is False


async def test_a_body_that_says_it_is_too_large_is_not_read(http: Http, server: Server) -> None:
    """The length alone is enough."""
    server.replies["/"] = silent("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    with pytest.raises(BadResponseError, match=r"larger than 10,485,760 bytes"):
        await http("get", server.url())


async def test_max_bytes_cuts_earlier(http: Http, server: Server) -> None:
    """Exactly there."""
    server.answer("/", b"x" * 100)
    assert await http("get", server.url(), {"max_bytes": 100}) == "x" * 100
    with pytest.raises(BadResponseError, match=r"larger than 99 bytes"):
        await http("get", server.url(), {"max_bytes": 99})


async def test_a_body_without_a_length_is_cut_as_well(http: Http, server: Server) -> None:
    """Exactly there, packed or not."""
    chunks = b"32\r\n" + b"x" * 50 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    server.replies["/"] = head + b"\r\n" + chunks * 2 + b"0\r\n\r\n"
    server.answer("/packed", gzip.compress(b"x" * 100), "Content-Encoding: gzip")
    for path in ("/", "/packed"):
        assert await http("get", server.url(path), {"max_bytes": 100}) == "x" * 100
        with pytest.raises(BadResponseError, match=r"larger than 99 bytes"):
            await http("get", server.url(path), {"max_bytes": 99})


async def test_a_zip_bomb_is_cut_and_never_unpacked(http: Http, server: Server) -> None:
    """256 MiB in 256 KiB: the host's memory stays near the limit."""
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(256)) + packer.flush()
    server.answer("/", bomb, "Content-Encoding: gzip")
    await http("get", server.url("/warm"))
    tracemalloc.start()
    try:
        with pytest.raises(BadResponseError, match=r"was cut"):
            await http("get", server.url())
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def test_unpacking_gives_small_pieces_and_loses_nothing() -> None:
    """No piece is larger than it may be, whatever the input is cut into."""
    data = bytes(range(256)) * 4096 + bytes(3 * MIB)
    packed = gzip.compress(data)
    for size in (1, 100, len(packed)):
        inflater = Inflater("gzip")
        parts = (packed[i : i + size] for i in range(0, len(packed), size))
        pieces = [piece for part in parts for piece in inflater.feed(part)]
        inflater.finish()
        assert max(map(len, pieces)) <= PIECE_BYTES
        assert b"".join(pieces) == data


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "ended before the body was whole"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            "ended before the body was whole",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\ntext",
            "not compressed as its Content-Encoding says",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 15\r\n\r\n"
            + gzip.compress(b"text" * 100, mtime=0)[:15],
            "ends in the middle",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\ntext",
            "unasked-for Content-Encoding `br`",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
            + gzip.compress(b"", mtime=0) * 1000,
            "in too many small parts",
        ),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "not proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "not proper HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", "not proper HTTP"),
    ],
)
async def test_an_answer_that_lies_is_an_error(
    http: Http, server: Server, answer: bytes, message: str
) -> None:
    """About its length, its packing, or being HTTP at all."""

    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    server.replies["/"] = reply
    with pytest.raises(BadResponseError, match=message):
        await http("get", server.url())


async def test_what_comes_after_the_stated_length_is_not_the_next_answer(
    http: Http, server: Server
) -> None:
    """A smuggled second answer is dropped with its connection."""
    server.answer("/a", b"real")
    first = server.replies["/a"]
    assert isinstance(first, bytes)
    server.replies["/a"] = first + b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled"
    server.answer("/b", b"also real")
    assert await http("get", server.url("/a")) == "real"
    assert await http("get", server.url("/b")) == "also real"


async def test_a_server_that_hangs_up_is_an_error(http: Http, server: Server) -> None:
    """It can be tried again."""

    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server.replies["/"] = reply
    with pytest.raises(NetworkError, match=r"hung up without an answer") as caught:
        await http("get", server.url())
    assert caught.value.retryable


async def test_a_port_on_which_nobody_listens_is_an_error(http: Http) -> None:
    """The message asks the two questions that help; the query stays out of it."""
    with pytest.raises(NetworkError) as caught:
        await http("get", "http://127.0.0.1:1/a?key=secret")
    assert str(caught.value) == (
        "`http.get` of http://127.0.0.1:1/a: it cannot be reached (connection refused); "
        "is it running, and is the port right?"
    )


@pytest.mark.parametrize(
    "reply",
    [
        silent(""),
        silent("HTTP/1.1 200 OK\r\n"),
        silent("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        silent("HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
async def test_an_answer_that_does_not_come_is_given_up(
    http: Http, server: Server, reply: Any
) -> None:
    """After `timeout_s`, wherever it stopped."""
    server.replies["/"] = reply
    with pytest.raises(NetworkError, match=r"no whole answer within 0.2 s; timeout_s sets"):
        await http("get", server.url(), {"timeout_s": 0.2})


async def test_a_slow_drip_does_not_start_the_time_anew(http: Http, server: Server) -> None:
    """The time is for the whole answer."""

    async def drip(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.replies["/"] = drip
    with pytest.raises(NetworkError, match=r"no whole answer within 0.3 s"):
        async with asyncio.timeout(5):
            await http("get", server.url(), {"timeout_s": 0.3})


async def test_a_cancelled_request_frees_its_slot(
    run: Callable[..., Session], server: Server
) -> None:
    """The next one is sent."""
    server.replies["/hang"] = silent("")
    server.answer("/", b"ok")
    session = run(concurrent=1)
    task = asyncio.create_task(call(session, "http", "get", [server.url("/hang")]))
    while not server.seen:  # noqa: ASYNC110 - a turn of the loop, not a time
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await call(session, "http", "get", [server.url()]) == "ok"


async def test_a_stream_gives_text_as_it_comes(run: Callable[..., Session], server: Server) -> None:
    """The first piece is there before the last is sent; a cut character is put together."""
    go_on = asyncio.Event()

    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + "aü".encode()[:2])
        await go_on.wait()
        writer.write("aü".encode()[2:] + b"bc")

    server.replies["/"] = reply
    session = run()
    stream: Any = await call(session, "http", "stream", [server.url()])
    assert await call(session, stream.id, "next", []) == {"items": ["a"], "done": False}
    go_on.set()
    assert "".join(await pull(session, stream)) == "übc"


async def test_a_stream_may_be_larger_than_an_answer_when_asked(
    run: Callable[..., Session], server: Server
) -> None:
    """Its default is the same 10 MiB."""
    server.answer("/", bytes(11 * MIB))
    session = run()
    options = {"binary": True, "max_bytes": 12 * MIB}
    stream = await call(session, "http", "stream", [server.url(), options])
    assert sum(map(len, await pull(session, stream))) == 11 * MIB
    stream = await call(session, "http", "stream", [server.url(), {"binary": True}])
    with pytest.raises(BadResponseError, match=r"was cut; raise max_bytes"):
        await pull(session, stream)


async def test_leaving_a_stream_early_hangs_up(run: Callable[..., Session], server: Server) -> None:
    """The server sees it, and the slot is free."""
    gone = asyncio.Event()

    async def reply(_: object, writer: asyncio.StreamWriter) -> None:
        try:
            await endless("HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)(_, writer)
        finally:
            gone.set()

    server.replies["/"] = reply
    server.answer("/ok", b"ok")
    session = run(concurrent=1)
    stream: Any = await call(session, "http", "stream", [server.url()])
    await call(session, stream.id, "next", [1])
    await session.handles.release(stream.id)
    async with asyncio.timeout(5):
        await gone.wait()
        assert await call(session, "http", "get", [server.url("/ok")]) == "ok"


async def test_a_stream_of_an_error_status_raises(
    run: Callable[..., Session], server: Server
) -> None:
    """There is nowhere else to see it; so does a refusal."""
    session = run()
    for url, error in (
        (server.url("/none"), BadResponseError),
        ("https://x.org", PermissionDeniedError),
    ):
        stream = await call(session, "http", "stream", [url])
        with pytest.raises(error, match=r"answered 404|--allow-net"):
            await pull(session, stream)


async def test_a_stream_that_is_not_text_asks_for_binary(
    run: Callable[..., Session], server: Server
) -> None:
    """Nothing is replaced silently."""
    server.answer("/", b"a\xff")
    session = run()
    stream = await call(session, "http", "stream", [server.url()])
    with pytest.raises(BadResponseError, match=r"not text; pass \{binary = true\}"):
        await pull(session, stream)


async def test_a_script_that_is_slow_to_pull_does_not_run_out_of_time(
    run: Callable[..., Session], server: Server
) -> None:
    """Only waiting for the other side counts."""
    server.answer("/", bytes(9 * MIB))
    session = run()
    options = {"binary": True, "timeout_s": 0.5}
    stream: Any = await call(session, "http", "stream", [server.url(), options])
    first: Any = await call(session, stream.id, "next", [1])
    await asyncio.sleep(0.7)
    assert sum(map(len, [*first["items"], *await pull(session, stream)])) == 9 * MIB
