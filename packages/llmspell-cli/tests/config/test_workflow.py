"""`[workflow]`: where checkpoints are kept, and whom that is believed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_cli.config import document, parse, table
from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from conftest import Place


def test_a_file_lies_beside_the_configuration(place: Place) -> None:
    """A relative path starts at the file's folder; the rest goes to the bridge as it is."""
    place.user.write_text('[workflow]\ncheckpoints = "state/c.sqlite"\nkeep = 7\n')
    given = place.load().bridge_settings()["workflow"]
    assert given == {"checkpoints": str(place.user.parent / "state/c.sqlite"), "keep": 7}


def test_a_url_is_a_secret_by_reference(place: Place) -> None:
    """The URL of a database is read when it is used, and never shown."""
    place.user.write_text('[workflow]\ncheckpoints = { env = "MINE" }\n')
    place.environ["MINE"] = "postgres://me:hush-hush@db/x"
    found = place.load()
    assert found.bridge_settings()["workflow"]["checkpoints"].get_secret_value() == (
        "postgres://me:hush-hush@db/x"
    )
    assert "hush-hush" not in f"{table(found)} {document(found)}"


def test_a_password_in_the_file_is_refused() -> None:
    """The error does not show it."""
    with pytest.raises(ConfigurationError, match="holds a password") as error:
        parse("llmspell.toml", b'[workflow]\ncheckpoints = "postgres://me:hush@db/x"\n')
    assert "hush" not in str(error.value)


def test_a_project_that_is_not_trusted_moves_no_checkpoints(place: Place) -> None:
    """Its setting has no effect, and is named."""
    place.project.write_text('[workflow]\ncheckpoints = "here.sqlite"\n')
    found = place.load()
    assert found.bridge_settings()["workflow"] == {}
    assert "workflow.checkpoints" in " ".join(found.warnings)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("checkpoints = 1", "expected a file, or a place"),
        ("keep = 0", "expected a whole number from 1"),
        ('chekpoints = "x"', "did you mean `checkpoints`"),
        ('checkpoints = { env = "A", file = "b" }', "needs one of env, keyring and file"),
    ],
)
def test_mistakes_name_what_is_expected(line: str, message: str) -> None:
    """Each is an error at its line."""
    with pytest.raises(ConfigurationError, match=message) as error:
        parse("llmspell.toml", f"[workflow]\n{line}\n".encode())
    assert error.value.line == 2
