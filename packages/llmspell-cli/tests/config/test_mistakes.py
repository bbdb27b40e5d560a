"""Mistakes in a file: each names the file, the line and the key."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_cli.config import parse
from llmspell_cli.config.toml_lines import key_lines, line_of
from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from conftest import Place

SECRET = "sk-very-secret"


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("[limit]\n", 1, "limit", "unknown section `limit`; did you mean `limits`?"),
        ("x = 1\n", 1, "x", "unknown section `x`"),
        ('"\\u001b[31m" = 1\n', 1, '"\\x1b[31m"', 'section `"\\x1b[31m"`'),
        ("[limits]\ntimeot_s = 3\n", 2, "limits.timeot_s", "did you mean `timeout_s`?"),
        ("\nlimits.timeout_s = 'x'\n", 2, "limits.timeout_s", 'seconds above 0, or "none"'),
        ("[limits]\ncpu_s = -1\n", 2, "limits.cpu_s", "got integer -1"),
        ("[limits]\ncpu_s = 0\n", 2, "limits.cpu_s", "got integer 0"),
        ("[limits]\ncpu_s = nan\n", 2, "limits.cpu_s", "got number nan"),
        ("[limits]\ncpu_s = inf\n", 2, "limits.cpu_s", "got number inf"),
        ("[limits]\ncpu_s = true\n", 2, "limits.cpu_s", "got true"),
        ("[limits]\ncpu_s = '3'\n", 2, "limits.cpu_s", 'got text "3"'),
        ("[limits]\nmemory_bytes = 1.5\n", 2, "limits.memory_bytes", "bytes above 0"),
        ("[limits]\nlog_bytes = 'none'\n", 2, "limits.log_bytes", "bytes above 0, got text"),
        ("[budget]\ntokens = -1\n", 2, "budget.tokens", "a whole number, 0 or more"),
        ("[budget]\ncost_usd = [1]\n", 2, "budget.cost_usd", "US dollars, 0 or more"),
        ("limits = 3\n", 1, "limits", "expected a table, got integer 3"),
        ("models = 3\n", 1, "models", "expected a table"),
        ("[permissions]\nread = 'a'\n", 2, "permissions.read", "true, false or a list of names"),
        ("[permissions]\nread = ['a', 1]\n", 2, "permissions.read", "got integer 1"),
        ("[permissions]\nread = ['']\n", 2, "permissions.read", "list of names"),
        ("[permissions]\nreed = true\n", 2, "permissions.reed", "did you mean `read`?"),
        ("[models]\na = ''\n", 2, "models.a", "a model such as"),
        ("[models]\n'' = 'b'\n", 2, 'models.""', "bad name '' in `models`"),
        ("[models]\na = 'a'\n", 2, "models.a", "leads to itself: a → a"),
        ("[models]\na = 'b'\nb = 'c'\nc = 'a'\n", 2, "models.a", "a → b → c → a"),
        ("[models]\ndefault = 'default'\n", 2, "models.default", "leads to itself"),
        ("[providers.x]\nurl = 'a'\n", 2, "providers.x.url", "unknown key"),
        ("[providers.x]\nbase_url = 'a b'\n", 2, "providers.x.base_url", "an address such as"),
        ("[providers.x]\nbase_url = 'file:///x'\n", 2, "providers.x.base_url", "an address"),
        ("[providers.x]\nbase_url = 'https://h:x/'\n", 2, "providers.x.base_url", "an address"),
        ("[providers.x]\nmax_retries = -1\n", 2, "providers.x.max_retries", "from 0 to 100"),
        ("[providers]\nx = 3\n", 2, "providers.x", "expected a table, got integer 3"),
        ("[providers.x]\napi_key = {}\n", 2, "providers.x.api_key", "one of env, keyring and file"),
        (
            "[providers.x]\napi_key = { env = 'A', file = 'b' }\n",
            2,
            "providers.x.api_key",
            "got env and file",
        ),
        ("[providers.x]\napi_key = { evn = 'A' }\n", 2, "providers.x.api_key.evn", "`env`?"),
        ("[providers.x]\napi_key = { env = '' }\n", 2, "providers.x.api_key.env", "expected text"),
        ("[prices.m]\ninput_usd = 1\n", 1, "prices.m", "lacks `output_usd`"),
        (
            "[prices.m]\ninput_usd = -1\noutput_usd = 1\n",
            2,
            "prices.m.input_usd",
            "dollars per million tokens",
        ),
        ("[limits]\n[limits]\n", 2, None, "the configuration is not TOML: Cannot declare"),
        ("[limits]\ncpu_s = 1\ncpu_s = 2\n", 3, None, "Cannot overwrite"),
        ("a = \n", 1, None, "is not TOML"),
        ("\n\n[limits", 3, None, "is not TOML"),
        ("[limits]\ncpu_s = " + "9" * 5000, 1, None, "a number that is too long"),
        ("x = " + "[" * 5000, 1, None, "nested too deeply"),
        ("\n" + ".".join("a" * 100_000) + " = 1", 2, None, "a key of more than 8 parts"),
    ],
)
def test_a_mistake_names_file_line_and_key(
    place: Place, text: str, line: int, key: str | None, words: str
) -> None:
    """The message begins as editors link it, and says what was expected and what came."""
    place.project.write_text(text)
    error = place.refused()
    assert error.message.startswith(f"llmspell.toml:{line}: ")
    assert words in error.message
    assert (error.line, error.key) == (line, key)
    assert error.file == "llmspell.toml"
    assert len(error.message) < 500


@pytest.mark.parametrize(
    "text",
    [
        f"api_key = '{SECRET}'",
        f"api_key = ['{SECRET}']",
        f"base_url = 'https://me:{SECRET}@host/'",
        f"base_url = 'me:{SECRET}@host'",
        f"api_key = {{ env = ['{SECRET}'] }}",
    ],
)
def test_a_key_that_stands_in_a_file_is_refused_and_not_shown(place: Place, text: str) -> None:
    """The message says where keys belong instead."""
    place.user.write_text(f"[providers.openai]\n{text}\n")
    error = place.refused()
    assert SECRET not in error.message
    assert error.line == 2


def test_a_file_that_is_not_utf8(place: Place) -> None:
    """It is told with line and byte."""
    place.project.write_bytes(b"[models]\na = '\xff'\n")
    assert place.refused().message == (
        f"{place.project}:2: the configuration is not UTF-8 text (byte 0xff)"
    )


def test_a_byte_order_mark_and_crlf_are_no_mistakes(place: Place) -> None:
    """Some editors write both."""
    place.project.write_bytes(b"\xef\xbb\xbf[limits]\r\n\r\ncpu_s = 2\r\n")
    assert place.load().settings["limits", "cpu_s"].source == "llmspell.toml:3"


def test_a_directory_is_no_configuration(place: Place) -> None:
    """It says so, for the project's file and the user's."""
    place.user.mkdir()
    assert "config.toml: it is a directory" in place.refused().message
    place.project.mkdir()
    assert place.refused().message == (
        f"cannot read the configuration {place.project}: it is a directory"
    )


def test_a_pipe_is_no_configuration(place: Place) -> None:
    """Nobody waits for what will never be written to it."""
    os.mkfifo(place.project)
    assert "not a regular file" in place.refused().message


def test_a_link_to_nothing_is_told(place: Place) -> None:
    """The user meant something to be there."""
    place.project.symlink_to("gone.toml")
    assert "it is a link to nothing" in place.refused().message


def test_a_huge_file_is_refused(place: Place) -> None:
    """More than 1 MiB is no configuration; it is not parsed."""
    place.project.write_bytes(b"#" * (1024 * 1024 + 1))
    assert "it is larger than 1 MiB" in place.refused().message


def test_an_unreadable_file_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says is in the message."""
    place.project.write_text("")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert place.refused().message.endswith("llmspell.toml: permission denied")


def test_a_circle_over_two_files_is_found(place: Place) -> None:
    """Each file alone is right."""
    place.user.write_text("[models]\na = 'b'\n")
    place.project.write_text("[models]\nb = 'a'\n")
    assert "leads to itself: b → a → b" in place.refused().message


def test_lines_are_found_around_strings_and_brackets() -> None:
    """What looks like a key within a string, a comment or a list is none."""
    text = (
        "[models] # [no]\n"
        'default = """\n'
        "[limits]\n"
        'x = 1 """\n'
        "'q q' = [\n"
        ' "a = 1", # ]\n'
        " ['b'],\n"
        "]\n"
        '[providers . "a\\u0062"]\n'
        "api_key = { env = 'X' }\n"
        "y.z = 1\n"
    )
    lines = key_lines(text)
    assert ("limits",) not in lines
    assert lines["models", "default"] == 2
    assert lines["models", "q q"] == 5
    assert lines["providers", "ab"] == 9
    assert lines["providers", "ab", "api_key", "env"] == 10
    assert lines["providers", "ab", "y", "z"] == 11
    assert line_of(lines, ("providers", "ab", "api_key", "file")) == 10
    assert line_of(lines, ("elsewhere",)) == 1


@given(st.text(alphabet="[]{}=.,\"'#\\ \n-a1té", max_size=60) | st.text(max_size=60))
def test_any_text_is_settings_or_a_configuration_error(text: str) -> None:
    """Nothing else comes out, whatever is in the file."""
    with contextlib.suppress(ConfigurationError):
        parse("/p/llmspell.toml", text.encode("utf-8", "surrogatepass"))


@given(st.dictionaries(st.text(st.characters(exclude_categories=("C",)), min_size=1), st.none()))
def test_every_key_has_its_line(names: dict[str, None]) -> None:
    """Whatever a key is made of, its line is found."""
    import msgspec

    body = [f'{msgspec.json.encode(name).decode()} = "m/x"' for name in names]
    lines = key_lines("\n".join(["[models]", *body]))
    for number, name in enumerate(names, start=2):
        assert lines["models", name] == number
