"""What a host may configure of a server; each mistake names it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from llmspell_bridges.mcp import McpBridge
from llmspell_bridges.mcp.settings import read_servers
from llmspell_core import ConfigurationError
from llmspell_core.redact import redactor


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"x": {}}, "`x` are wrong: it needs a command or a url, one of them"),
        ({"x": {"command": "a", "url": "https://b"}}, "a command or a url"),
        ({"x": {"command": "a", "headers": {"A": "b"}}}, "`headers` goes with `url`"),
        ({"x": {"url": "https://a", "args": ["b"]}}, "`args` goes with `command`"),
        ({"x": {"command": 3}}, "`mcp.x` are wrong at `command`"),
        ({"x": {"command": "a", "shell": True}}, "unknown field `shell`"),
        ({"x": {"command": "a", "env": {"A": 3}}}, "the value of 'A' is no text and no secret"),
        ({"x": {"command": "a", "timeout_s": 0}}, "at `timeout_s`"),
        ({"x": {"url": "ftp://a"}}, "its url is no address"),
        ({"x": {"url": "https://"}}, "its url is no address"),
        ({"x": {"url": "https://a:b/"}}, "its url is no address"),
        ({"x": {"url": "https://a\nb/"}}, "its url is no address"),
        ({"x": {"url": "https://me:pass@a/"}}, "a user or a password"),
        ({"x": {"url": "https://a", "headers": {"A\r\nB": "c"}}}, "no name of a header"),
        ({"a.b": {"command": "a"}}, "its name is letters"),
        ({"x": 3}, "expected a table"),
    ],
)
def test_a_mistake_names_the_server(settings: dict[str, Any], why: str) -> None:
    """Before a spell runs."""
    with pytest.raises(ConfigurationError) as caught:
        McpBridge.from_settings(settings)
    assert why in str(caught.value)


def test_secrets_are_read_when_they_are_used() -> None:
    """They may be another library's, or texts whose name speaks of a secret."""
    env = {"A_TOKEN": "a-token-as-it-is", "LEVEL": "debug"}
    key = SecretStr("a-key-of-pydantic")
    found = read_servers(
        {"a": {"command": "a", "env": env}, "b": {"url": "https://b:81/", "api_key": key}}
    )
    assert found["a"].environment() == env
    assert redactor.text("a-token-as-it-is") == "[redacted: A_TOKEN of the MCP server a]"
    assert "a-key-of-pydantic" not in repr(found)
    assert found["b"].http_headers() == {"Authorization": "Bearer a-key-of-pydantic"}
    assert found["b"].host == ("b", 81)
