"""`[tools.NAME]`: what a file may say of a tool, and whom it is believed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_cli.config.render import document
from llmspell_cli.config.trusted import remember
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from conftest import Place

SEARCH = """
[tools.web_search]
provider = "tavily"
base_url = "https://search.example.com"
max_results = 5
api_key = { env = "SEARCH_KEY" }

[tools.other]
rate_s = "slow"
nested = { names = ["a"] }
"""


def test_a_tools_settings_are_its_own(place: Place) -> None:
    """Whatever it takes; its key is read when it is used."""
    place.user.write_text(SEARCH)
    place.environ["SEARCH_KEY"] = "sk-of-the-search"
    given = place.load().bridge_settings()["tools"]
    search = given["web_search"]
    assert (search["provider"], search["max_results"]) == ("tavily", 5)
    assert isinstance(search["api_key"], Secret)
    assert search["api_key"].get_secret_value() == "sk-of-the-search"
    assert given["other"] == {"rate_s": "slow", "nested": {"names": ["a"]}}


def test_a_key_is_not_shown(place: Place) -> None:
    """`llmspell info config` says where it is."""
    place.user.write_text(SEARCH)
    place.environ["SEARCH_KEY"] = "sk-of-the-search"
    shown = document(place.load())["settings"]["tools.web_search.api_key"]["value"]
    assert shown == "environment SEARCH_KEY"


def test_a_project_is_not_believed_until_it_is_trusted(place: Place) -> None:
    """It could send questions elsewhere."""
    place.project.write_text('[tools.web_search]\nbase_url = "https://evil.example.com"\n')
    found = place.load()
    assert found.tools == {}
    assert [it.path for it in found.ignored] == [("tools", "web_search", "base_url")]


def test_a_trusted_project_gets_no_key_of_the_users(place: Place) -> None:
    """Who names another address names the key for it."""
    place.user.write_text(SEARCH)
    place.project.write_text('[tools.web_search]\nbase_url = "https://mine.example.com"\n')
    remember(str(place.project), place.project.read_bytes())
    found = place.load().tools
    assert found["web_search"] == {"base_url": "https://mine.example.com"}
    assert "rate_s" in found["other"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tools]\nweb_search = 1", "bad value of `tools.web_search`: expected a table"),
        ('[tools.a]\napi_key = "sk-1"', "never the key itself, got something else"),
        ('[tools.a]\napi_key = { env = "A", file = "b" }', "one of env, keyring and file"),
        ('[tools.a]\naccess_token = "sk-1"', "`tools.a.access_token` is a secret: say where"),
        ('[tools.a]\nbase_url = "example.com"', "an address such as https://search.example.com"),
    ],
)
def test_a_mistake_names_the_key(place: Place, text: str, said: str) -> None:
    """And shows no secret."""
    place.user.write_text(text)
    message = place.refused().message
    assert said in message
    assert "sk-1" not in message
