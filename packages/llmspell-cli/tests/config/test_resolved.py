"""What becomes of settings: the bridge's, keys, and how they are shown."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from llmspell_bridges.llm.settings import DEFAULT_MODEL as BRIDGE_DEFAULT_MODEL
from llmspell_bridges.llm.settings import Settings
from llmspell_cli.config import document, table, trust, user_config_dir
from llmspell_cli.config.keys import KEYS
from llmspell_cli.config.resolved import DEFAULT_MODEL
from llmspell_core import ConfigurationError, Secret

if TYPE_CHECKING:
    from conftest import Place

KEY = "sk-very-secret"
CONFIG = """
[models]
default = "fast"
fast = "acme/small.1"
default_embedding = "local/minilm"
[providers.acme]
base_url = "https://llm.example/v1"
timeout_s = 30
api_key = { env = "ACME_KEY" }
[prices."acme/small.1"]
input_usd = 1.5
output_usd = 6
"""


def test_the_bridge_takes_them(place: Place) -> None:
    """`LlmBridge` reads aliases, providers and prices, and the key that the variable holds."""
    place.user.write_text(CONFIG)
    place.environ["ACME_KEY"] = f"{KEY}\n"
    settings = Settings.read(place.load().bridge_settings()["llm"])
    assert settings.default_model == "fast"
    assert settings.default_embedding_model == "local/minilm"
    assert settings.aliases["fast"] == "acme/small.1"
    provider = settings.providers["acme"]
    assert (provider.base_url, provider.timeout_s) == ("https://llm.example/v1", 30)
    assert provider.api_key is not None
    assert provider.api_key.get_secret_value() == KEY
    assert settings.prices["acme/small.1"].output_usd == 6


def test_the_default_model_is_the_bridges_own(place: Place) -> None:
    """Without any configuration the bridge is told what it would choose itself."""
    assert DEFAULT_MODEL == BRIDGE_DEFAULT_MODEL
    settings = Settings.read(place.load().bridge_settings()["llm"])
    assert settings.default_model == BRIDGE_DEFAULT_MODEL


def test_retries_are_passed_on(place: Place) -> None:
    """As the file says; None of it where it says nothing."""
    place.user.write_text("[providers.openai]\nmax_retries = 2\n")
    providers = place.load().bridge_settings()["llm"]["providers"]
    assert providers == {"openai": {"max_retries": 2}}


def _key(place: Place, text: str) -> Secret:
    place.user.write_text(f"[providers.openai]\napi_key = {text}\n")
    secret = place.load().providers["openai"].api_key
    assert secret is not None
    return secret


def test_a_key_from_a_file(place: Place) -> None:
    """The file is beside the configuration, and read when the key is used."""
    secret = _key(place, '{ file = "key" }')
    with pytest.raises(ConfigurationError, match=r"config\.toml:2: cannot read the key file"):
        secret.get_secret_value()
    (place.user.parent / "key").write_text(f"{KEY}\n")
    (place.user.parent / "key").chmod(0o600)
    assert secret.get_secret_value() == KEY


def test_a_key_from_the_keyring(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """By service and user, who is the provider unless named; one that is not there is told."""
    import keyring

    held = {("llm", "openai"): KEY}
    monkeypatch.setattr(keyring, "get_password", lambda *where: held.get(where))
    assert _key(place, '{ keyring = "llm" }').get_secret_value() == KEY
    with pytest.raises(ConfigurationError, match="`keyring set llm me`"):
        _key(place, '{ keyring = "llm", user = "me" }').get_secret_value()


def test_a_missing_keyring_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is needed by nobody else."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigurationError, match="pip install keyring"):
        _key(place, '{ keyring = "llm" }').get_secret_value()


def test_a_variable_that_is_not_set_is_no_key(place: Place) -> None:
    """The bridge has its own words for that, and other providers still work."""
    assert _key(place, '{ env = "ACME_KEY" }').get_secret_value() is None


@pytest.mark.parametrize("value", ["", "  \n", "sk\nx", "sk-é"])
def test_a_key_that_cannot_be_one_is_told(place: Place, value: str) -> None:
    """The message names the provider, the variable and the place, never the value."""
    place.environ["ACME_KEY"] = value
    secret = _key(place, '{ env = "ACME_KEY" }')
    with pytest.raises(ConfigurationError, match="key of the provider `openai` is") as caught:
        secret.get_secret_value()
    assert "variable ACME_KEY" in caught.value.message
    assert "config.toml:2" in caught.value.message
    assert "sk" not in caught.value.message


def test_a_secret_never_prints(place: Place) -> None:
    """Not as text, not in JSON, not by pickle or copy, not among the settings."""
    place.environ["ACME_KEY"] = KEY
    secret = _key(place, '{ env = "ACME_KEY" }')
    found = place.load()
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        repr(found),
        table(found),
        str(document(found)),
    ]
    assert not any(KEY in text for text in shown)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError):
            leak(secret)


def test_the_table_shows_key_value_and_source(place: Place) -> None:
    """One setting a line, in the units of people."""
    place.user.write_text(CONFIG)
    place.project.write_text("[limits]\nmemory_bytes = 1048576\n[permissions]\nread = true\n")
    place.environ["LLMSPELL_TIMEOUT"] = "none"
    rows = [line.split(maxsplit=1) for line in table(place.load()).splitlines() if line]
    lines = {row[0]: " ".join(row[1].split()) for row in rows}
    assert lines["limits.timeout_s"] == "unlimited environment LLMSPELL_TIMEOUT"
    assert lines["limits.memory_bytes"] == "1 MiB llmspell.toml:2"
    assert lines["budget.cost_usd"] == "1 USD default"
    assert lines["models.fast"].startswith("acme/small.1 ")
    assert lines["providers.acme.api_key"].startswith("environment ACME_KEY")
    assert lines['prices."acme/small.1".input_usd'].startswith("1.5 USD")
    assert lines["permissions.read"] == "all llmspell.toml:4"  # the last: what has no effect
    assert "Without effect, since the file is not trusted:" in table(place.load())


def test_the_document_is_json(place: Place) -> None:
    """Each setting with value and source; what is ignored apart."""
    place.user.write_text(CONFIG)
    place.project.write_text("[permissions]\nread = ['a']\n[providers.x]\napi_key={ file = 'k' }\n")
    found: Any = msgspec.json.decode(msgspec.json.encode(document(place.load())))
    assert set(found) == {"settings", "ignored", "warnings"}
    assert found["settings"]["limits.timeout_s"] == {"value": 300.0, "source": "default"}
    assert found["ignored"]["permissions.read"]["source"] == "llmspell.toml:2"
    assert {f"{key.section}.{key.name}" for key in KEYS} <= set(found["settings"])


def test_a_misspelt_provider_is_told(place: Place) -> None:
    """One with an address is somebody's own, and fine."""
    place.user.write_text(
        '[providers.opnai]\ntimeout_s = 3\n[providers.opnai2]\nbase_url = "http://127.0.0.1:1"\n'
    )
    (warning,) = place.load().warnings
    assert "config.toml:2: is the provider `opnai` meant to be `openai`?" in warning


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "linux", "/x/llmspell"),
        ({"XDG_CONFIG_HOME": "x", "HOME": "/h"}, "linux", "/h/.config/llmspell"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Application Support/llmspell"),
        ({"APPDATA": "/a", "HOME": "/h"}, "win32", "/a/llmspell"),
        ({}, "win32", None),
        ({"LLMSPELL_CONFIG_DIR": "/c", "XDG_CONFIG_HOME": "/x"}, "linux", "/c"),
    ],
)
def test_where_the_users_folder_is(
    environ: dict[str, str], platform: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours, the XDG specification's, else the platform's."""
    monkeypatch.setattr(sys, "platform", platform)
    assert user_config_dir(environ) == expected


def _imported(place: Place) -> set[str]:
    code = (
        "import sys; from llmspell_cli.config import load; r = load({}, sys.argv[1]);"
        "r.bridge_settings(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(place.spell)],
        capture_output=True,
        check=True,
        text=True,
        env=place.environ,
        timeout=50,
    )
    return set(done.stdout.split())


def test_without_a_file_little_is_imported(place: Place) -> None:
    """No TOML, no schema, no pydantic, no pathlib: hello pays for none of them."""
    heavy = {"tomllib", "pydantic", "pathlib", "click", "difflib", "dataclasses", "hashlib", "json"}
    heavy |= {"llmspell_cli.config.schema", "llmspell_cli.config.reader", "llmspell_bridges"}
    assert not heavy & _imported(place)


def test_with_a_file_there_is_still_no_pydantic(place: Place) -> None:
    """Nor httpx or litellm, whatever the file configures."""
    place.user.write_text(CONFIG)
    place.project.write_text("[limits]\ncpu_s = 3\n")
    trust(str(place.project))
    found = _imported(place)
    assert "tomllib" in found
    assert not {"pydantic", "httpx", "litellm", "click", "difflib"} & found
