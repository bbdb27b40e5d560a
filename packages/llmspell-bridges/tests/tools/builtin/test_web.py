"""The tools for the web, against real HTTP: the policy and the bounds of `http` are theirs."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import PermissionDeniedError, ToolError

if TYPE_CHECKING:
    from conftest import Web

pytestmark = pytest.mark.anyio
PAGE = """<html><head><title> A
 page </title><style>p {}</style></head><body><nav><a href="/">Home</a></nav>
<main><h1>Hello</h1><p>Some <a href="https://example.org/x">text</a>.</p></main></body></html>"""


async def test_a_page_is_what_a_person_reads(use: Any, web: Web) -> None:
    """Without menus and styles, with links and title."""
    answer = await use("web_fetch", web.page("/a", PAGE))
    assert answer == "Hello\n\nSome text (https://example.org/x)."
    assert answer.fields["title"] == "A page"
    assert answer.fields["url"] == web.url("/a")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<p>é".encode(), "text/html; charset=utf-8"),
        ("<p>é".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("<p>é".encode(), "text/html"),
    ],
)
async def test_a_page_is_read_in_its_encoding(use: Any, web: Web, body: bytes, kind: str) -> None:
    """As its head says, or as it looks."""
    assert await use("web_fetch", web.page("/a", body, kind)) == "é"


async def test_an_image_is_one_and_other_things_are_refused(use: Any, web: Web) -> None:
    """Whatever their type says."""
    png = b"\x89PNG\r\n\x1a\n"
    answer = await use("web_fetch", web.page("/a", png, "text/html"))
    assert answer == {"type": "image", "data": png, "mime_type": "image/png"}
    with pytest.raises(ToolError, match="application/zip: this tool reads pages"):
        await use("web_fetch", web.page("/b", b"PK\x03\x04", "application/zip"))


async def test_a_long_text_is_read_in_parts(run: Any, web: Web) -> None:
    """The answer says where to go on."""
    use = run({"web_fetch": {"max_chars": 10}})
    url = web.page("/a", "0123456789abcdef", "text/plain")
    first = await use("web_fetch", url)
    assert first == "0123456789\n\n[6 characters are left; go on with start = 10]"
    assert await use("web_fetch", url, first.fields["next_start"]) == "abcdef"


@pytest.mark.parametrize("tool", ["web_fetch", "http_request"])
async def test_a_redirect_goes_nowhere_that_is_not_granted(run: Any, web: Web, tool: str) -> None:
    """Each hop is checked, as of `http`; nothing is sent there."""
    use = run(net=(f"127.0.0.1:{web.server_port}",))
    url = web.page("/a", "", status=302, location=f"http://localhost:{web.server_port}/secret")
    with pytest.raises(PermissionDeniedError, match=r"reaching `localhost:\d+` is not permitted"):
        await use(tool, url)
    assert [path for _, path, _, _ in web.seen] == ["/a"]


@pytest.mark.parametrize("tool", ["web_fetch", "http_request"])
async def test_a_special_address_must_be_named(run: Any, web: Web, tool: str) -> None:
    """The whole internet is not this machine."""
    with pytest.raises(PermissionDeniedError, match="it is a loopback address"):
        await run(net=True)(tool, web.page("/a", "hi"))
    assert web.seen == []


@pytest.mark.parametrize("tool", ["web_fetch", "http_request"])
async def test_a_packed_bomb_is_cut(run: Any, web: Web, tool: str) -> None:
    """At the tool's own bound, as it unpacks."""
    use = run({tool: {"max_bytes": 100_000}})
    bomb = gzip.compress(b"<p>" + b"a" * 50_000_000)
    url = web.page("/a", bomb, content_encoding="gzip")
    with pytest.raises(ToolError, match=r"the body is larger than 100,000 bytes and was cut"):
        await use(tool, url)


async def test_a_page_that_takes_for_ever_is_given_up(run: Any, web: Web) -> None:
    """Nested a hundred thousand times: its child process ends with its time."""
    use = run({"web_fetch": {"timeout_s": 0.2}})
    url = web.page("/a", "<ul><li>" * 300_000 + "x")
    with pytest.raises(ToolError, match=r"longer than 0\.2 s|of memory, or 0\.2 s"):
        await use("web_fetch", url)


async def test_an_error_status_is_an_answer_of_a_request_alone(use: Any, web: Web) -> None:
    """A page that is not there cannot be read."""
    answer = await use("http_request", web.url("/none"))
    assert (answer["status"], answer["ok"], answer["text"]) == (404, False, "none")
    with pytest.raises(ToolError, match="answered with the status 404"):
        await use("web_fetch", web.url("/none"))


async def test_a_request_sends_what_it_is_told(use: Any, web: Web) -> None:
    """Method, query, headers, JSON."""
    web.page("/a", '{"n": 1}', "application/json")
    told = {"method": "POST", "query": {"q": "x y"}, "headers": {"x-a": "b"}, "json": {"k": [1]}}
    answer = await use("http_request", {"url": web.url("/a"), **told})
    assert answer["json"] == {"n": 1}
    assert "text" not in answer
    method, path, headers, body = web.seen[0]
    assert (method, path, headers["x-a"], body) == ("POST", "/a?q=x+y", "b", b'{"k": [1]}')


async def test_the_spells_own_bridge_is_the_tools(run: Any, web: Web) -> None:
    """One set of connections, ten at once for all of a run."""
    use = run()
    await use("http_request", web.page("/a", "hi"))
    session = use.session
    assert await session.bridge("http") is await session.bridge("http")
