"""A provider as it is configured, and reading its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_cli.config.secret import Secret
from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.schema import ApiKey

_MAX_KEY_BYTES = 64 * 1024


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider; None is the bridge's own default. `timeout_s` is seconds without an answer."""

    base_url: str | None = None
    api_key: Secret | None = None
    timeout_s: float | None = None
    max_retries: int | None = None

    def settings(self) -> dict[str, Any]:
        """Give what is set, as the bridge takes it."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not None}


def secret(key: ApiKey, provider: str, source: str, environ: Mapping[str, str]) -> Secret:
    """Make the secret of a provider whose key's place is `key`, written at `source`."""
    if key.env is not msgspec.UNSET:
        variable = key.env
        return Secret(
            lambda: _checked(environ.get(variable), f"variable {variable}", provider, source),
            f"environment {variable}",
        )
    if key.keyring is not msgspec.UNSET:
        service = key.keyring
        user = provider if key.user is msgspec.UNSET else key.user
        return Secret(
            lambda: _checked(
                _from_keyring(service, user, source), f"keyring entry {service}", provider, source
            ),
            f"keyring {service}, user {user}",
        )
    path = str(key.file)
    return Secret(
        lambda: _checked(_from_file(path, source), f"file {path}", provider, source), f"file {path}"
    )


def _checked(value: str | None, where: str, provider: str, source: str) -> str | None:
    """Refuse a key that cannot be one; a variable that is not set is no key."""
    if value is None:
        return None
    key = value.strip()
    if not key:
        text = f"the key of the provider `{provider}` is empty: nothing is in the {where}"
        raise ConfigurationError(f"{source}: {text}", key=f"providers.{provider}.api_key")
    if not key.isascii() or not key.isprintable():  # it becomes an HTTP header
        text = f"the key of the provider `{provider}` is no key: the {where} holds other characters"
        raise ConfigurationError(f"{source}: {text}", key=f"providers.{provider}.api_key")
    return key


def _from_file(path: str, source: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs 5 ms here
            data = file.read(_MAX_KEY_BYTES)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{source}: cannot read the key file {path}: {what}") from None
    return data.decode("utf-8", "replace")


def _from_keyring(service: str, user: str, source: str) -> str | None:
    try:
        import keyring
    except ImportError:
        text = f"{source}: a key in a keyring needs the package keyring: pip install keyring"
        raise ConfigurationError(text) from None
    try:
        found = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        text = f"{source}: the keyring does not answer for {service}: {type(error).__name__}"
        raise ConfigurationError(text) from None
    if found is None:
        text = f"{source}: the keyring has no {service} of the user {user}"
        remedy = f"store it with `keyring set {service} {user}`"
        raise ConfigurationError(f"{text}; {remedy}")
    return found
