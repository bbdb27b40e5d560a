"""Where keys come from: a variable, a keyring, a file that is its owner's alone."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import keyring
import keyring.backend
import keyring.errors
import pytest

from llmspell_core import ConfigurationError, Secret
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Place

KEY = "sk-canary-0123456789abcdef"


def _secret(place: Place, text: str) -> Secret:
    place.user.write_text(f"[providers.openai]\napi_key = {text}\n")
    secret = place.load().providers["openai"].api_key
    assert secret is not None
    return secret


@pytest.fixture
def file(place: Place) -> Path:
    """The file that the configuration names."""
    path = place.user.parent / "key"
    path.write_text(f"{KEY}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owners_is_read(place: Place, file: Path, mode: int) -> None:
    """Readable by nobody else, it holds the key."""
    file.chmod(mode)
    assert _secret(place, '{ file = "key" }').get_secret_value() == KEY


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o602, 0o644, 0o666, 0o610])
def test_a_file_that_others_may_use_is_refused(place: Place, file: Path, mode: int) -> None:
    """The message says which mode it has, and the command that mends it; never the key."""
    file.chmod(mode)
    secret = _secret(place, '{ file = "key" }')
    with pytest.raises(ConfigurationError, match=f"mode {mode:04o}.: chmod 600 {file}") as caught:
        secret.get_secret_value()
    assert "config.toml:2" in caught.value.message
    assert KEY not in caught.value.message


def test_a_file_of_another_user_is_refused(
    place: Place, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They could change it under us; one of root's is read, as systems provide them."""
    owner = file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    secret = _secret(place, '{ file = "key" }')
    if owner == 0:
        assert secret.get_secret_value() == KEY
        os.chown(file, 12345, -1)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        secret = _secret(place, '{ file = "key" }')
    with pytest.raises(ConfigurationError, match=r"it belongs to the user \d+"):
        secret.get_secret_value()


def test_what_is_looked_at_is_what_is_read(
    place: Place, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that is swapped after the look changes nothing: the file was opened once."""
    other = file.with_name("other")
    other.write_text("sk-somebody-elses-0123")
    other.chmod(0o644)
    link = file.with_name("link")
    link.symlink_to(file)
    looked = os.fstat

    def swap(fd: int) -> os.stat_result:
        link.unlink()
        link.symlink_to(other)
        return looked(fd)

    secret = _secret(place, '{ file = "link" }')
    monkeypatch.setattr(os, "fstat", swap)
    assert secret.get_secret_value() == KEY
    monkeypatch.setattr(os, "fstat", looked)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        _secret(place, '{ file = "link" }').get_secret_value()


def test_a_pipe_a_folder_and_a_socket_are_no_files(place: Place) -> None:
    """Nothing waits for what never comes."""
    folder = place.user.parent
    os.mkfifo(folder / "pipe", 0o600)
    (folder / "folder").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
        for name in ("pipe", "folder", "socket"):
            secret = _secret(place, f'{{ file = "{name}" }}')
            with pytest.raises(ConfigurationError, match=f"cannot read the key file .*{name}: "):
                secret.get_secret_value()


class FakeKeyring(keyring.backend.KeyringBackend):
    """A keyring as the library's own tests have them."""

    priority = 1  # type: ignore[assignment]  # a property of the class, in their types

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        if self.error is not None:
            raise self.error
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


@pytest.fixture
def ring() -> Iterator[FakeKeyring]:
    """The process's keyring, through the library's own door."""
    before, ring = keyring.get_keyring(), FakeKeyring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_a_key_from_a_keyring(place: Place, ring: FakeKeyring) -> None:
    """By service and user, who is the provider unless named."""
    keyring.set_password("llm", "openai", KEY)
    keyring.set_password("llm", "me", f"{KEY}-mine")
    assert _secret(place, '{ keyring = "llm" }').get_secret_value() == KEY
    mine = _secret(place, '{ keyring = "llm", user = "me" }')
    assert mine.get_secret_value() == f"{KEY}-mine"
    with pytest.raises(ConfigurationError, match="`keyring set llm you`"):
        _secret(place, '{ keyring = "llm", user = "you" }').get_secret_value()


@pytest.mark.parametrize(
    "error", [keyring.errors.KeyringLocked("sesame"), RuntimeError("sesame"), OSError("sesame")]
)
def test_a_keyring_that_fails_is_told(place: Place, ring: FakeKeyring, error: Exception) -> None:
    """Whatever its system raises; the words of a backend are not passed on."""
    ring.error = error
    with pytest.raises(ConfigurationError, match=type(error).__name__) as caught:
        _secret(place, '{ keyring = "llm" }').get_secret_value()
    assert "sesame" not in caught.value.message


def test_no_key_is_read_before_it_is_used(place: Place, ring: FakeKeyring) -> None:
    """Loading a configuration opens no keyring and no file, and handing it to a bridge none."""
    ring.error = AssertionError("nobody asked")
    place.user.write_text(
        '[providers.openai]\napi_key = { keyring = "llm" }\n'
        '[providers.acme]\nbase_url = "http://127.0.0.1:1"\napi_key = { file = "/nowhere" }\n'
    )
    from llmspell_bridges.llm.settings import Settings

    settings = Settings.read(place.load().bridge_settings()["llm"])
    assert not any(provider.api_key.is_read for provider in settings.providers.values())  # type: ignore[union-attr]  # both have one


@pytest.mark.parametrize("text", ['{ env = "ACME" }', '{ keyring = "llm" }', '{ file = "key" }'])
def test_a_key_that_was_read_is_known(
    place: Place, ring: FakeKeyring, file: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """From wherever it came, from then on it is replaced in what leaves the host."""
    for name, empty in (("known", {}), ("starts", {}), ("_bytes", [])):
        monkeypatch.setattr(redactor, name, empty)
    place.environ["ACME"] = KEY
    keyring.set_password("llm", "openai", KEY)
    assert _secret(place, text).get_secret_value() == KEY
    shown = redactor.text(f"it is {KEY}.")
    assert shown.startswith("it is [redacted: ")
    assert KEY not in shown
