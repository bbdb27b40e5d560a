"""Where requests may go: names, addresses, redirects, TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.http import client
from llmspell_core import BadResponseError, NetworkError, PermissionDeniedError
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Http, Server

    from llmspell_core import Session

pytestmark = pytest.mark.anyio


async def get(session: Session, url: str, **options: Any) -> Any:
    """Call `http.get`."""
    return await call(session, "http", "get", [url, options])


async def test_what_is_not_granted_is_refused_before_it_is_looked_up(
    run: Callable[..., Session], names: dict[str, list[str]]
) -> None:
    """A name in a request to a DNS server can carry data out."""
    with pytest.raises(PermissionDeniedError, match=r"--allow-net=example.org"):
        await get(run("127.0.0.1"), "https://example.org/")
    assert names == {}


@pytest.mark.parametrize(
    "leads_to",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "0.0.0.0",  # noqa: S104 - nothing is bound
        "93.184.216.34 127.0.0.1",
    ],
)
async def test_a_public_name_that_leads_inside_is_refused(
    run: Callable[..., Session], names: dict[str, list[str]], leads_to: str
) -> None:
    """Even when only one of its addresses does."""
    names["example.org"] = [leads_to]
    with pytest.raises(PermissionDeniedError, match=r"leads to"):
        await get(run("example.org"), "https://example.org/")


async def test_the_connection_goes_to_the_address_that_was_checked(
    run: Callable[..., Session], names: dict[str, list[str]], server: Server
) -> None:
    """A name that leads elsewhere a moment later (DNS rebinding) gains nothing."""
    server.answer("/", b"ok")
    names["app.test"] = ["127.0.0.1", "127.0.0.2"]
    session = run("app.test")
    assert await get(session, server.url(host="app.test")) == "ok"
    assert names["app.test"] == ["127.0.0.2"]  # it was looked up once
    assert server.seen[0].headers["host"] == f"app.test:{server.port}"


async def test_every_new_request_is_checked_anew(
    run: Callable[..., Session], names: dict[str, list[str]], server: Server
) -> None:
    """What was fine a moment ago may lead to the metadata service now."""
    server.answer("/", b"ok", "Connection: close")
    names["app.test"] = ["127.0.0.1", "169.254.169.254"]
    session = run("app.test")
    await get(session, server.url(host="app.test"))
    with pytest.raises(PermissionDeniedError, match=r"a metadata address"):
        await get(session, server.url(host="app.test"))


async def test_without_tls_only_loopback_is_reached(
    run: Callable[..., Session], names: dict[str, list[str]]
) -> None:
    """Nothing is sent in the clear, granted or not."""
    names["example.org"] = ["93.184.216.34"]
    for host in ("example.org", "10.0.0.1"):
        with pytest.raises(PermissionDeniedError, match=r"not encrypted; use https://"):
            await get(run("example.org", "10.0.0.1"), f"http://{host}/")


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loopback server stand for one on the internet."""
    monkeypatch.setattr(client, "special", lambda _: None)


@pytest.mark.usefixtures("far_away")
async def test_nothing_is_sent_in_the_clear(http: Http, server: Server) -> None:
    """A server that would answer is not asked."""
    server.answer("/", b"ok")
    with pytest.raises(PermissionDeniedError, match=r"not encrypted; use https://"):
        await http("get", server.url())
    assert server.seen == []


@pytest.mark.usefixtures("far_away", "trusting")
async def test_a_redirect_does_not_lead_out_of_tls(
    run: Callable[..., Session], names: dict[str, list[str]], secure: Server, server: Server
) -> None:
    """The next hop has to be encrypted too, granted or not."""
    names["app.test"] = ["127.0.0.1"]
    secure.redirect("/", server.url("/there"))
    server.answer("/there", b"ok")
    with pytest.raises(PermissionDeniedError, match=r"not encrypted; use https://"):
        await get(run("app.test", "127.0.0.1"), secure.url(host="app.test"))
    assert (len(secure.seen), server.seen) == (1, [])


async def test_redirects_are_followed(http: Http, server: Server) -> None:
    """Relative ones too; the answer says where it came from in the end."""
    server.redirect("/a", "b")
    server.redirect("/b", server.url("/c#part"))
    server.answer("/c", b"here")
    answer = await http("get", server.url("/a"))
    assert (answer, answer.fields["url"]) == ("here", server.url("/c"))


async def test_a_redirect_can_be_left_alone(http: Http, server: Server) -> None:
    """Then it is the answer."""
    server.redirect("/a", "/b")
    answer = await http("get", server.url("/a"), {"follow_redirects": False})
    assert (answer.fields["status"], answer.fields["headers"]["location"]) == (302, "/b")


async def test_ten_redirects_are_followed_and_no_more(http: Http, server: Server) -> None:
    """A circle ends."""
    for n in range(12):
        server.redirect(f"/{n}", f"/{n + 1}")
    server.answer("/12", b"end")
    assert await http("get", server.url("/2")) == "end"
    with pytest.raises(BadResponseError, match=r"redirects more than 10 times"):
        await http("get", server.url("/1"))


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest",
        "https://[::1]/",
        "https://example.org/",
        "//127.0.0.2/",
    ],
)
async def test_a_redirect_to_what_is_not_granted_is_refused(
    http: Http, server: Server, target: str
) -> None:
    """Each hop is checked like the first, and nothing is sent to it."""
    server.redirect("/", target.format(port=server.port))
    with pytest.raises(PermissionDeniedError, match=r"--allow-net="):
        await http("get", server.url())
    assert len(server.seen) == 1


async def test_a_redirect_inside_is_refused_where_every_host_is_granted(
    run: Callable[..., Session], server: Server, names: dict[str, list[str]]
) -> None:
    """By its address, or by a name that leads there."""
    names["app.test"] = ["127.0.0.2"]
    session = run("*", f"127.0.0.1:{server.port}")
    for target in ("https://127.0.0.2:1/", "https://[::1]:1/", "https://app.test:1/"):
        server.redirect("/", target)
        with pytest.raises(PermissionDeniedError, match=r"a loopback address"):
            await get(session, server.url())


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://x/", "http://u:p@127.0.0.1/", "http://2130706433/"]
)
async def test_a_redirect_to_what_is_no_http_address_is_an_error(
    http: Http, server: Server, target: str
) -> None:
    """It is the answer's fault."""
    server.redirect("/", target)
    with pytest.raises(BadResponseError, match=r"redirects to what is not an address"):
        await http("get", server.url())


async def test_credentials_do_not_follow_to_another_origin(
    http: Http, server: Server, other: Server
) -> None:
    """Headers of any name that speaks of a secret stay; the same origin gets them again."""
    secret = {
        "Authorization": "a",
        "Cookie": "b",
        "X-Api-Key": "c",
        "X-Auth-Token": "d",
        "X-N": "e",
    }
    server.redirect("/a", "/b")
    server.redirect("/b", other.url("/c"))
    other.answer("/c", b"ok")
    await http("get", server.url("/a"), {"headers": secret})
    names = {name.lower() for name in secret}
    assert names <= set(server.seen[1].headers)
    assert names & set(other.seen[0].headers) == {"x-n"}


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [
        ("301", "GET", b""),
        ("302", "GET", b""),
        ("303", "GET", b""),
        ("307", "POST", b"x"),
        ("308", "POST", b"x"),
    ],
)
async def test_a_redirect_keeps_or_drops_the_body_as_the_standard_says(
    http: Http, server: Server, status: str, method: str, body: bytes
) -> None:
    """A body that is dropped takes its headers along."""
    server.redirect("/a", "/b", f"{status} Moved")
    server.answer("/b", b"ok")
    await http("post", server.url("/a"), "x")
    last = server.seen[-1]
    assert (last.method, last.body, "content-type" in last.headers) == (method, body, bool(body))


@pytest.mark.usefixtures("trusting")
async def test_tls_is_checked_by_name_though_the_address_is_fixed(
    run: Callable[..., Session], names: dict[str, list[str]], secure: Server
) -> None:
    """The right name passes; another that leads to the same server does not."""
    secure.answer("/", b"ok")
    names.update({"app.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]})
    session = run("app.test", "other.test")
    assert await get(session, secure.url(host="app.test")) == "ok"
    with pytest.raises(NetworkError, match=r"certificate is not valid") as caught:
        await get(session, secure.url(host="other.test"))
    assert caught.value.retryable is False


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    run: Callable[..., Session], names: dict[str, list[str]], secure: Server
) -> None:
    """Nothing was sent."""
    names["app.test"] = ["127.0.0.1"]
    with pytest.raises(NetworkError, match=r"certificate is not valid"):
        await get(run("app.test"), secure.url(host="app.test"))
    assert secure.seen == []


async def test_a_name_without_an_address_says_so(run: Callable[..., Session]) -> None:
    """The message has the name."""

    async def fail(*_: Any, **__: Any) -> Any:
        import socket

        raise socket.gaierror(-2, "Name or service not known")

    asyncio.get_running_loop().getaddrinfo = fail  # type: ignore[method-assign]  # this test's loop
    with pytest.raises(NetworkError, match=r"no address is known for `none.test`"):
        await get(run("none.test"), "https://none.test/")
