"""The tool `web_search`: three providers, real HTTP, and keys that stay where they belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import ConfigurationError, PermissionDeniedError, ToolError
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from conftest import Web

pytestmark = pytest.mark.anyio
RESULT = """<div class="result__body"><h2><a class="result__a" href="{0}">{1}</a></h2>
<a class="result__snippet" href="{0}">About <b>it</b></a></div>"""
KEY = "tvly-not-a-key-123456"


@pytest.fixture
def search(run: Any, web: Web) -> Any:
    """Search with a provider that is our server."""

    def make(provider: str = "duckduckgo", **more: Any) -> Any:
        return run({"web_search": {"provider": provider, "base_url": web.url(), **more}})

    return make


async def test_duckduckgo_needs_no_key(search: Any, web: Web) -> None:
    """Its page is read by ddgs; advertisements are left out."""
    found = (
        RESULT.format("https://example.org/a", "First"),
        RESULT.format("https://duckduckgo.com/y.js?ad_domain=x", "Buy"),
    )
    web.page("/html/", f"<html><body>{''.join(found)}</body></html>")
    answer = await search()("web_search", "some words")
    assert answer == [{"title": "First", "url": "https://example.org/a", "snippet": "About it"}]
    method, path, _, body = web.seen[0]
    assert (method, path, body) == ("POST", "/html/", b"q=some+words&b=&l=us-en")


async def test_being_refused_may_pass(search: Any, web: Web) -> None:
    """DuckDuckGo answers 202 to whom it takes for a machine."""
    web.page("/html/", "Are you human?", status=202)
    with pytest.raises(ToolError, match=r"`duckduckgo` refuses \(status 202\)") as caught:
        await search()("web_search", "x")
    assert caught.value.retryable


async def test_a_page_without_results_has_none(search: Any, web: Web) -> None:
    """Nothing found is no failure."""
    web.page("/html/", "<html><body>No results.</body></html>")
    assert await search()("web_search", "x") == []


async def test_tavily(search: Any, web: Web) -> None:
    """Its key goes in a header."""
    answer = '{"results": [{"title": "T", "url": "https://a", "content": "c"}, 1]}'
    web.page("/search", answer, "application/json")
    use = search("tavily", api_key=KEY)
    found = await use("web_search", "x", 3)
    assert found == [{"title": "T", "url": "https://a", "snippet": "c"}]
    assert web.seen[0][2]["authorization"] == f"Bearer {KEY}"
    assert web.seen[0][3] == b'{"query": "x", "max_results": 3}'


async def test_brave(search: Any, web: Web) -> None:
    """The same, with a header and a query of its own."""
    answer = '{"web": {"results": [{"title": "T", "url": "https://a", "description": null}]}}'
    web.page("/res/v1/web/search", answer, "application/json")
    use = search("brave", api_key=Secret.of(KEY, "BRAVE_KEY"))
    assert await use("web_search", "x") == [{"title": "T", "url": "https://a", "snippet": ""}]
    assert web.seen[0][2]["x-subscription-token"] == KEY
    assert web.seen[0][1] == "/res/v1/web/search?q=x&count=10"


async def test_results_are_bounded(search: Any, web: Web) -> None:
    """In number, by what was asked and by the host; in length."""
    results = ",".join(f'{{"title": "{"t" * 5000}", "url": "{n}"}}' for n in range(30))
    web.page("/search", f'{{"results": [{results}]}}', "application/json")
    use = search("tavily", api_key=KEY, max_results=4)
    found = await use("web_search", "x", 20)
    assert [len(found), len(found[0]["title"])] == [4, 2000]
    assert len(await use("web_search", "x", 2)) == 2


@pytest.mark.parametrize("answer", ["[]", '{"results": 1}', "null", "nonsense"])
async def test_an_odd_answer_has_no_results(search: Any, web: Web, answer: str) -> None:
    """Whatever the provider says."""
    web.page("/search", answer, "application/json")
    assert await search("tavily", api_key=KEY)("web_search", "x") == []


async def test_a_key_goes_nowhere_else(run: Any, web: Web) -> None:
    """A provider that redirects gets no key sent to another host."""
    port = web.server_port
    settings = {"provider": "tavily", "base_url": web.url(), "api_key": KEY}
    use = run({"web_search": settings}, net=("127.0.0.1", "localhost"))
    web.page("/search", "", status=307, location=f"http://localhost:{port}/other")
    web.page("/other", '{"results": []}', "application/json")
    await use("web_search", "x")
    assert [path for _, path, _, _ in web.seen] == ["/search", "/other"]
    assert "authorization" not in web.seen[1][2]


async def test_a_provider_without_its_key_says_so(search: Any, web: Web) -> None:
    """Before it is asked; `health` says the same."""
    use = search("tavily")
    with pytest.raises(ToolError, match=r"`tavily` needs a key: api_key in \[tools.web_search\]"):
        await use("web_search", "x")
    assert (await use("health", "web_search"))["ok"] is False
    assert (await search()("health", "web_search")) == {"ok": True}
    assert web.seen == []


async def test_a_host_that_is_not_granted_is_not_asked(run: Any, web: Web) -> None:
    """Though the host configured it."""
    use = run({"web_search": {"base_url": web.url()}}, net=("example.org",))
    with pytest.raises(PermissionDeniedError, match=r"--allow-net=127.0.0.1:\d+"):
        await use("web_search", "x")
    assert web.seen == []


async def test_a_wrong_setting_is_the_hosts_mistake(run: Any) -> None:
    """It names the key."""
    with pytest.raises(ConfigurationError, match=r"`tools.web_search` are wrong.*`provider`"):
        await run({"web_search": {"provider": "altavista"}})("web_search", "x")
