"""What is sent, and what a spell gets."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.http import HttpBridge
from llmspell_core import ConfigurationError, TextRecord, ValidationError
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Http, Server

    from llmspell_core import Session

pytestmark = pytest.mark.anyio


async def test_an_answer_is_its_text_with_fields(http: Http, server: Server) -> None:
    """Status, ok, url and headers, with their names in lower case."""
    server.answer("/", "grüße".encode(), "Content-Type: text/plain", "X-A: 1", "X-A: 2")
    answer = await http("get", server.url())
    assert isinstance(answer, TextRecord)
    assert answer == "grüße"
    fields = answer.fields
    assert (fields["status"], fields["ok"], fields["url"]) == (200, True, server.url())
    assert fields["headers"]["x-a"] == "1, 2"
    assert "json" not in fields
    assert "bytes" not in fields


async def test_an_error_status_is_an_answer(http: Http, server: Server) -> None:
    """`ok` is false; nothing is raised."""
    server.answer("/", b"gone", status="410 Gone")
    answer = await http("get", server.url())
    assert (answer, answer.fields["status"], answer.fields["ok"]) == ("gone", 410, False)


async def test_json_is_parsed(http: Http, server: Server) -> None:
    """By content type, suffixes included; the text stays."""
    for kind in ("application/json; charset=utf-8", "application/problem+json"):
        server.answer("/", b'{"a": [1, 2.5, null]}', f"Content-Type: {kind}")
        answer = await http("get", server.url())
        assert answer.fields["json"] == {"a": [1, 2.5, None]}
        assert answer == '{"a": [1, 2.5, null]}'


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[NaN]",
        b"[" * 100000,
        b"[1e999]",
        b"[" + b"1," * 150000 + b"1]",
        b"[18446744073709551616]",
        b'"' + b"x" * 2100000 + b'"',
    ],
)
async def test_json_that_cannot_be_given_says_why(http: Http, server: Server, body: bytes) -> None:
    """Broken, too deep, too many values, too large a number: the text is still there."""
    server.answer("/", body, "Content-Type: application/json")
    answer = await http("get", server.url())
    assert answer == body.decode()
    assert "json" not in answer.fields
    assert answer.fields["json_error"]


async def test_a_body_that_is_not_text_is_bytes(http: Http, server: Server) -> None:
    """Also one that is, when asked."""
    server.answer("/", b"\x89PNG\xff", "Content-Type: image/png")
    assert (await http("get", server.url())).fields["bytes"] == b"\x89PNG\xff"
    server.answer("/", b"text")
    answer = await http("get", server.url(), {"binary": True})
    assert (answer, answer.fields["bytes"]) == ("", b"text")


@pytest.mark.parametrize("charset", ["iso-8859-1", '"ISO-8859-1"', "latin1"])
async def test_the_charset_is_the_one_that_the_answer_names(
    http: Http, server: Server, charset: str
) -> None:
    """However it is written."""
    server.answer("/", b"gr\xfc\xdfe", f"Content-Type: text/plain; charset={charset}")
    assert await http("get", server.url()) == "grüße"


@pytest.mark.parametrize("charset", ["zlib", "rot13", "none-such", "idna", "a\x00b"])
async def test_a_charset_that_is_none_is_utf8(http: Http, server: Server, charset: str) -> None:
    """Python's codecs of other kinds are not for a server to choose."""
    server.replies["/"] = (
        (
            f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset={charset}\r\nContent-Length: 4\r\n\r\n"
            "text"
        )
        .replace("\0", "-")
        .encode()
    )
    assert await http("get", server.url()) == "text"


@pytest.mark.parametrize(
    ("given", "body", "kind"),
    [
        ({"json": {"a": [1, "ü"]}}, '{"a": [1, "ü"]}'.encode(), "application/json"),
        ({"json": TextRecord("t", {"n": 1})}, b'{"n": 1, "content": "t"}', "application/json"),
        (
            {"form": {"a": "1 2", "b": [True, 3]}},
            b"a=1+2&b=true&b=3",
            "application/x-www-form-urlencoded",
        ),
        ({"body": "ü"}, "ü".encode(), "text/plain; charset=utf-8"),
        ({"body": b"\xff"}, b"\xff", "application/octet-stream"),
        ({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, b"<a/>", "text/xml"),
        ({}, b"", None),
    ],
)
async def test_a_body_is_sent_with_its_type(
    http: Http, server: Server, given: dict[str, Any], body: bytes, kind: str | None
) -> None:
    """JSON, a form, text and bytes; a type that is given wins."""
    server.answer("/", b"ok")
    await http("post", server.url(), given)
    assert (server.seen[0].body, server.seen[0].headers.get("content-type")) == (body, kind)


async def test_every_method_is_sent_as_itself(http: Http, server: Server) -> None:
    """Four have names of their own; `request` takes any, in lower case too."""
    server.answer("/", b"")
    for name in ("get", "post", "put", "delete"):
        await http(name, server.url())
    await http("request", "patch", server.url(), "body")
    await http("request", "HEAD", server.url())
    methods = [seen.method for seen in server.seen]
    assert methods == ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]


async def test_query_and_headers_are_sent(http: Http, server: Server) -> None:
    """The query is added to that of the address."""
    server.answer("/a", b"ok")
    options = {"query": {"q": "x&y", "n": [1, 2]}, "headers": {"X-Key": "v"}}
    await http("get", server.url("/a?z=0"), options)
    assert server.seen[0].target == "/a?z=0&q=x%26y&n=1&n=2"
    assert server.seen[0].headers["x-key"] == "v"
    assert server.seen[0].headers["user-agent"] == "llmspell"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ftp://x/"], "bad argument `url` to `http.get`: expected https://HOST"),
        (["/path"], "expected https://HOST"),
        (["https:///x"], "expected https://HOST"),
        (["https://u:p@127.0.0.1/"], "it has a user or a password"),
        (["http://127.0.0.1\\@evil.org/"], "backslashes"),
        (["http://127.0.0.1/\r\nX: y"], "control characters"),
        (["http://127.0.0.1:99999/"], "bad argument `url`"),
        (["http://2130706433/"], "is not a host"),
        (["http://0x7f.1/"], "is not a host"),
        (["http://127.1/"], "is not a host"),
        ([{"url": "http://127.0.0.1", "headers": {"A": "b\r\nC: d"}}], "one line of ASCII text"),
        ([{"url": "http://127.0.0.1", "headers": {"A b": "c"}}], "letters, digits and dashes"),
        ([{"url": "http://127.0.0.1", "headers": {"Host": "x"}}], "set by llmspell"),
        ([{"url": "http://127.0.0.1", "headers": {"Content-Length": "1"}}], "set by llmspell"),
        ([{"url": "http://127.0.0.1", "headers": {"Transfer-Encoding": "x"}}], "set by llmspell"),
        ([{"url": "http://127.0.0.1", "headers": {"A": "1", "a": "2"}}], "given twice"),
        ([{"url": "http://127.0.0.1", "query": {"a": {"b": 1}}}], "bad argument `query.a`"),
        ([{"url": "http://127.0.0.1", "timeout_s": 31}], "at most 30; use `http.stream`"),
        ([{"url": "http://127.0.0.1", "timeout_s": 0}], "bad argument `timeout_s`"),
        ([{"url": "http://127.0.0.1", "max_bytes": 2**30}], "use `http.stream` for more"),
        ([{"url": "http://127.0.0.1", "proxy": "x"}], "unknown argument `proxy`"),
    ],
)
async def test_a_wrong_argument_is_named(http: Http, args: list[Any], message: str) -> None:
    """Nothing is sent."""
    with pytest.raises(ValidationError) as caught:
        await http("get", *args)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"json": 1, "form": {}}, "a request has one body, and `form` is given too"),
        ({"json": float("nan")}, "bad argument `json`"),
        ({"json": {"a": b"x"}}, "bad argument `json`"),
        ({"body": "x" * (1024 * 1024)}, "more than 1 MiB"),
        ({"headers": {"a": "x" * (1024 * 1024)}}, "more than 1 MiB"),
        ({"headers": {str(n): "x" for n in range(65)}}, "at most 64 headers"),
    ],
)
async def test_a_wrong_body_is_named(http: Http, given: dict[str, Any], message: str) -> None:
    """One body, of at most 1 MiB with all the rest."""
    with pytest.raises(ValidationError) as caught:
        await http("post", "http://127.0.0.1:1/", given)
    assert message in str(caught.value)


async def test_an_unknown_method_is_named(http: Http) -> None:
    """Those that tunnel or mirror are none of them."""
    for name in ("CONNECT", "TRACE", "GET /x HTTP/1.1\r\nA: b"):
        with pytest.raises(ValidationError, match=r"expected one of DELETE, GET"):
            await http("request", name, "http://127.0.0.1/")


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"text" * 50_000)),
        ("x-gzip", gzip.compress(b"text" * 25_000) + gzip.compress(b"text" * 25_000)),
        ("deflate", zlib.compress(b"text" * 50_000)),
        ("deflate", zlib.compress(b"text" * 50_000)[2:-4]),
        ("identity", b"text" * 50_000),
    ],
)
async def test_a_packed_body_is_unpacked(
    http: Http, server: Server, encoding: str, packed: bytes
) -> None:
    """Several members and a deflate without its frame included."""
    server.answer("/", packed, f"Content-Encoding: {encoding}")
    assert await http("get", server.url()) == "text" * 50_000
    assert server.seen[0].headers["accept-encoding"] == "gzip, deflate"


async def test_proxies_of_the_environment_play_no_part(
    http: Http, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request goes straight to where it was checked to go."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.answer("/", b"ok")
    assert await http("get", server.url()) == "ok"


async def test_cookies_are_not_kept(
    run: Callable[..., Session], names: dict[str, list[str]], server: Server
) -> None:
    """What one answer sets is there to see, and is not sent with the next request."""
    names["app.test"] = ["127.0.0.1"]
    session, url = run("app.test"), server.url(host="app.test")
    server.answer("/", b"ok", "Set-Cookie: a=b", "Set-Cookie: c=d")
    answer: Any = await call(session, "http", "get", [url])
    await call(session, "http", "get", [url])
    assert answer.fields["headers"]["set-cookie"] == "a=b\nc=d"
    assert "cookie" not in server.seen[1].headers


async def test_ten_requests_are_open_at_once(run: Callable[..., Session], server: Server) -> None:
    """The others wait for their turn."""
    go_on = asyncio.Event()

    async def hold(seen: object, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server.replies["/"] = hold
    session = run()
    calls = [asyncio.ensure_future(call(session, "http", "get", [server.url()])) for _ in range(30)]
    while server.open < 10:  # noqa: ASYNC110 - a turn of the loop, not a time
        await asyncio.sleep(0)
    for _ in range(1000):  # turns in which more could come
        await asyncio.sleep(0)
    assert server.open == 10
    go_on.set()
    assert await asyncio.gather(*calls) == ["ok"] * 30
    assert server.most_open == 10


async def test_a_setting_that_does_not_exist_is_named() -> None:
    """The host's own mistakes are errors too."""
    with pytest.raises(ConfigurationError, match=r"the bridge `http` are wrong.*`tls`"):
        HttpBridge.from_settings({"tls": False})
