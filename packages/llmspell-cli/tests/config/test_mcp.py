"""`[mcp.NAME]`: what a file may say of a server, and whom it is believed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_cli.config import document, is_trusted, parse, table, trust
from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from conftest import Place

SERVER = """
[mcp.notes]
command = "bin/notes"
args = ["--all", ""]
env = { NOTES_TOKEN = { env = "MINE" }, LEVEL = "debug" }
cwd = "data"
timeout_s = 5

[mcp.far]
url = "https://mcp.example.com/mcp"
api_key = { env = "MINE" }
headers = { X-Team = "owls", X-Api-Key = { file = "key" } }
"""


def test_a_server_is_handed_to_the_bridge(place: Place) -> None:
    """Paths lie beside the file, secrets are read when they are used."""
    place.user.write_text(SERVER)
    place.environ["MINE"] = "a-key-of-mine"
    given = place.load().bridge_settings()["mcp"]
    folder = place.user.parent
    notes, far = given["notes"], given["far"]
    assert notes["command"] == str(folder / "bin/notes")
    assert notes["args"] == ("--all", "")
    assert notes["cwd"] == str(folder / "data")
    assert notes["timeout_s"] == 5
    assert notes["env"]["LEVEL"] == "debug"
    assert notes["env"]["NOTES_TOKEN"].get_secret_value() == "a-key-of-mine"
    assert far["url"] == "https://mcp.example.com/mcp"
    assert far["api_key"].get_secret_value() == "a-key-of-mine"
    assert far["headers"]["X-Team"] == "owls"
    assert far["headers"]["X-Api-Key"].source == f"file {folder / 'key'}"


def test_no_secret_is_shown(place: Place) -> None:
    """`info config` says where the secrets are."""
    place.user.write_text(SERVER)
    place.environ["MINE"] = "a-key-of-mine"
    found = place.load()
    shown = f"{table(found)} {document(found)}"
    assert "a-key-of-mine" not in shown
    assert "NOTES_TOKEN = environment MINE, LEVEL = debug" in shown
    assert document(found)["settings"]["mcp.notes.env"]["value"]["NOTES_TOKEN"] == (
        "environment MINE"
    )


def test_a_program_on_the_path_keeps_its_name(place: Place) -> None:
    """Only what looks like a path is one."""
    place.user.write_text('[mcp.time]\ncommand = "mcp-server-time"\n')
    assert place.load().mcp == {"time": {"command": "mcp-server-time"}}


def test_a_server_of_a_project_that_is_not_trusted_is_left_out(place: Place) -> None:
    """Else whoever wrote the project could run any program."""
    place.project.write_text('[mcp.evil]\ncommand = "./evil"\n')
    found = place.load()
    assert found.mcp == {}
    assert "mcp.evil.command have no effect" in found.warnings[0]


def test_a_server_of_a_trusted_project_counts(place: Place) -> None:
    """The project was looked at."""
    place.project.write_text('[mcp.time]\ncommand = "mcp-server-time"\n')
    trust(str(place.project), place.environ)
    assert is_trusted(str(place.project), place.project.read_bytes(), place.environ)
    assert list(place.load().mcp) == ["time"]


def test_a_server_is_described_by_one_file(place: Place) -> None:
    """A project's command is not given the secrets of the user's server of that name."""
    place.user.write_text(
        '[mcp.time]\ncommand = "mine"\nenv = { A_TOKEN = { env = "MINE" } }\ntimeout_s = 3\n'
    )
    place.project.write_text('[mcp.time]\nurl = "https://theirs.example.com/"\n')
    trust(str(place.project), place.environ)
    assert place.load().mcp == {"time": {"url": "https://theirs.example.com/"}}


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("[mcp]\nx = 3\n", 2, "mcp.x", "a table with a command or a url, got integer 3"),
        ("[mcp.x]\n", 1, "mcp.x", "`mcp.x` needs one of command and url, got neither"),
        ("[mcp.x]\ncommand='a'\nurl='https://b'\n", 1, "mcp.x", "got command and url"),
        ("[mcp.x]\nurl='https://b'\nargs=['c']\n", 3, "mcp.x.args", "goes with `command` alone"),
        ("[mcp.x]\ncommand='a'\nheaders={}\n", 3, "mcp.x.headers", "goes with `url` alone"),
        ("[mcp.x]\ncomand='a'\n", 2, "mcp.x.comand", "did you mean `command`?"),
        ("[mcp.x]\ncommand=''\n", 2, "mcp.x.command", "a program such as"),
        ("[mcp.x]\ncommand=['a']\n", 2, "mcp.x.command", "a program such as"),
        ("[mcp.x]\ncommand='a'\nargs='b'\n", 3, "mcp.x.args", "a list of texts"),
        ("[mcp.x]\ncommand='a'\nenv={A=1}\n", 3, "mcp.x.env", "variables, each a text"),
        ("[mcp.x]\ncommand='a'\nenv={'A=B'='c'}\n", 3, "mcp.x.env", "variables, each a text"),
        (
            "[mcp.x]\ncommand='a'\nenv={A={env='B',file='c'}}\n",
            3,
            "mcp.x.env.A",
            "got env and file",
        ),
        ("[mcp.x]\nurl='file:///a'\n", 2, "mcp.x.url", "an address such as"),
        ("[mcp.x]\nurl='https://me:pass@b/'\n", 2, "mcp.x.url", "a user or a password"),
        ("[mcp.x]\nurl='https://b'\nheaders={'A:B'='c'}\n", 3, "mcp.x.headers", "headers, each"),
        ("[mcp.x]\nurl='https://b'\ntimeout_s=0\n", 3, "mcp.x.timeout_s", "seconds above 0"),
        ("[mcp.'a.b']\ncommand='a'\n", 1, 'mcp."a.b"', "letters, digits, `_` and `-`"),
    ],
)
def test_a_mistake_names_its_place(
    place: Place, text: str, line: int, key: str, words: str
) -> None:
    """The error says file, line and key, and what was expected."""
    place.project.write_text(text)
    error = place.refused()
    assert (error.line, error.key) == (line, key)
    assert words in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "command='a'\nenv={A_TOKEN='sk-very-secret'}",
        "url='https://b'\nheaders={Authorization='Bearer sk-very-secret'}",
        "url='https://b'\nheaders={X-Api-Key='sk-very-secret'}",
        "url='https://b'\napi_key='sk-very-secret'",
        "url='https://b'\nheaders={a=['sk-very-secret']}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(text: str) -> None:
    """Its place belongs there, as with providers."""
    with pytest.raises(ConfigurationError, match=r"place|secret") as caught:
        parse("/x/llmspell.toml", f"[mcp.x]\n{text}\n".encode())
    assert "very-secret" not in str(caught.value)
