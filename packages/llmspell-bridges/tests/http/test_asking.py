"""What `http` asks for, where there is somebody to ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.http import HttpBridge
from llmspell_core import PermissionDeniedError, Permissions, Question, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conftest import Server

pytestmark = pytest.mark.anyio
YES, NO = True, False


class Asked:
    """A run, and the person who is asked; `wait_s` is how long they think."""

    def __init__(self, *answers: bool, net: tuple[str, ...] = (), wait_s: float = 0.0) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []
        self.wait_s = wait_s
        bridge = HttpBridge.from_settings({"concurrent": 1})
        self.session = Session(
            bridges={"http": bridge}, permissions=Permissions(net=net), ask=self.ask
        )

    async def ask(self, question: Question) -> bool:
        self.questions.append(question)
        await asyncio.sleep(self.wait_s)
        return self.answers.pop(0)

    async def call(self, method: str, *args: Any) -> Any:
        return await call(self.session, "http", method, list(args))

    @property
    def wants(self) -> list[list[str | None]]:
        return [[want.name for want in it.wants] for it in self.questions]


@pytest.fixture
async def asking() -> AsyncIterator[Callable[..., Asked]]:
    """Make runs with a person; they are closed at the end."""
    made: list[Asked] = []

    def make(*answers: bool, **options: Any) -> Asked:
        made.append(Asked(*answers, **options))
        return made[-1]

    yield make
    for it in made:
        await it.session.close()


async def test_a_host_is_asked_for_with_its_port(
    asking: Callable[..., Asked], server: Server
) -> None:
    """A yes reaches it and no other; nothing is sent before."""
    server.answer("/", b"ok")
    asked = asking(YES, NO)
    assert await asked.call("get", server.url()) == "ok"
    assert await asked.call("get", server.url()) == "ok"
    with pytest.raises(PermissionDeniedError, match=r"--allow-net=127\.0\.0\.1:1$"):
        await asked.call("get", "http://127.0.0.1:1/")
    assert asked.wants == [[f"127.0.0.1:{server.port}"], ["127.0.0.1:1"]]
    assert asked.questions[0].where == "http.get"


async def test_a_no_sends_nothing(asking: Callable[..., Asked], server: Server) -> None:
    """Not even a look-up."""
    asked = asking(NO)
    with pytest.raises(PermissionDeniedError):
        await asked.call("get", server.url())
    assert server.seen == []


async def test_a_redirect_asks_for_the_new_host(
    asking: Callable[..., Asked], server: Server, other: Server
) -> None:
    """What was sent is not sent again after a yes; after a no the new host hears nothing."""
    server.redirect("/", other.url("/there"), "307 Temporary Redirect")
    other.answer("/there", b"here")
    asked = asking(YES, NO)
    with pytest.raises(PermissionDeniedError):
        await asked.call("post", server.url(), "x")
    assert other.seen == []
    asked = asking(YES, YES)
    assert await asked.call("post", server.url(), "x") == "here"
    assert asked.wants == [[f"127.0.0.1:{server.port}"], [f"127.0.0.1:{other.port}"]]
    assert [len(server.seen), len(other.seen)] == [2, 1]


async def test_a_name_that_leads_inside_is_asked_for_with_its_address(
    asking: Callable[..., Asked], names: dict[str, list[str]]
) -> None:
    """The question says where it leads."""
    names["example.org"] = ["10.0.0.5"]
    asked = asking(YES, NO)
    with pytest.raises(PermissionDeniedError, match="leads to"):
        await asked.call("get", "https://example.org/")
    assert asked.wants == [["example.org"], ["example.org", "10.0.0.5"]]
    assert asked.questions[1].because == "example.org leads to 10.0.0.5, a private address"


@pytest.mark.parametrize(
    ("url", "name", "because"),
    [
        ("https://169.254.169.254/", "169.254.169.254", "it is a metadata address"),
        ("https://[fd00:ec2::254]:8443/", "[fd00:ec2::254]:8443", "it is a metadata address"),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080", "it is a loopback address"),
    ],
)
async def test_a_special_address_is_asked_for_as_what_it_is(
    asking: Callable[..., Asked], url: str, name: str, because: str
) -> None:
    """Also where every host of the internet is granted."""
    asked = asking(NO, net=("*",))
    with pytest.raises(PermissionDeniedError):
        await asked.call("get", url)
    assert asked.wants == [[name]]
    assert asked.questions[0].because == because


async def test_the_time_of_a_question_is_not_the_servers(
    asking: Callable[..., Asked], server: Server
) -> None:
    """Neither for the request that asks, nor for the one that waits for its slot."""
    server.answer("/", b"ok")
    asked = asking(YES, YES, wait_s=0.5)
    answer = asked.call("get", server.url(), {"timeout_s": 0.3})
    answers = await asyncio.gather(answer, asked.call("get", server.url("/"), {"timeout_s": 0.3}))
    assert answers == ["ok", "ok"]


async def test_a_stream_asks_as_well(asking: Callable[..., Asked], server: Server) -> None:
    """When it is first read."""
    server.answer("/", b"ok")
    asked = asking(YES)
    stream: Any = await asked.call("stream", server.url())
    batch: Any = await call(asked.session, stream.id, "next", [])
    assert batch["items"] == ["ok"]
    assert asked.questions[0].where == "http.stream"
