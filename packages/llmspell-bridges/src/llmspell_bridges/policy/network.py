"""Which hosts a run may reach, and whether the addresses that its names lead to are among them.

A grant is ``example.org``, ``example.org:8443``, ``*.example.org``, ``10.0.0.5``,
``10.0.0.0/8``, ``[::1]:8080``, or ``*``: every host on the internet. A special address (private,
loopback, …) must be granted itself, or by a name that the internet cannot define (``localhost``,
``db``, ``nas.local``): whoever controls a public name could point it at this machine.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import msgspec

from llmspell_bridges.policy.addresses import Network, parse_address, special, unwrapped
from llmspell_core.errors import ConfigurationError, PermissionDeniedError, ValidationError
from llmspell_core.permissions import denied

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_bridges.policy.addresses import Address
    from llmspell_core.permissions import Permissions

_LOCAL_SUFFIXES = ("localhost", "local", "internal", "lan", "home.arpa", "test")
_BY_LOCAL_NAME = ("loopback", "private")
_PORT_MAX = 65535
_HTTPS = 443


class HostGrant(msgspec.Struct, frozen=True, kw_only=True):
    """One grant, read: a `host` (empty: every one), or what is below `suffix`, or a `network`."""

    host: str = ""
    suffix: str = ""
    network: Network | None = None
    port: int | None = None

    def covers_port(self, port: int) -> bool:
        """Say whether the grant is for `port`; one without a port is for all."""
        return self.port is None or self.port == port


class HostGrants:
    """The grants of one layer of permissions."""

    def __init__(self, grant: bool | tuple[str, ...]) -> None:  # noqa: FBT001 - as in Permissions
        """Read them; True is the whole internet.

        Raises:
            ConfigurationError: one of them is not a host.
        """
        texts = (("*",) if grant else ()) if isinstance(grant, bool) else grant
        self._grants = tuple(parse_grant(text) for text in texts)

    def names(self, address: Address, port: int) -> bool:
        """Say whether a grant names the address itself, or a network that holds it."""
        forms = {address, unwrapped(address)}
        return any(
            grant.network is not None
            and grant.covers_port(port)
            and any(f.version == grant.network.version and f in grant.network for f in forms)
            for grant in self._grants
        )

    def names_host(self, host: str, port: int) -> bool:
        """Say whether a grant names the host, or what is below a suffix, or every host."""
        return any(
            grant.network is None
            and grant.covers_port(port)
            and (
                (not grant.host and not grant.suffix)
                or (bool(host) and grant.host == host)
                or (bool(grant.suffix) and host.endswith(grant.suffix))
            )
            for grant in self._grants
        )

    def reach(self, host: str, port: int, address: Address, what: str) -> bool:
        """Say whether a special address may be reached, itself or by the name `host`."""
        exactly = any(grant.host == host and grant.covers_port(port) for grant in self._grants)
        by_name = what in _BY_LOCAL_NAME and is_local_name(host) and exactly
        return by_name or self.names(address, port)


class NetPolicy:
    """Decides for one run."""

    def __init__(self, permissions: Callable[[], Permissions]) -> None:
        """Take how to get the run's permissions, which may grow while it runs."""
        self._permissions = permissions
        self._read: Permissions | None = None
        self._layers: tuple[HostGrants, ...] = ()

    def _current(self) -> Permissions:
        """Read the grants anew where there are more.

        Raises:
            ConfigurationError: one of them is not a host.
        """
        permissions = self._permissions()
        if permissions is not self._read:
            self._layers = tuple(HostGrants(layer.net) for layer in permissions.layers())
            self._read = permissions
        return permissions

    def check_host(self, host: str, port: int, where: str) -> Address | None:
        """Let a host pass before it is looked up; return its address if it is one.

        Raises:
            ValidationError: no host has such a name.
            PermissionDeniedError: it is not granted; the message has the flag that grants it.
        """
        try:
            address = parse_address(host)
        except ValueError as error:
            text = f"bad argument `url` to `{where}`: `{host}` is not a host: {error}"
            raise ValidationError(text, argument="url") from None
        if self._current().vetoed("net", host):
            raise denied("net", with_port(host, port))
        for layer in self._layers:
            if address is None:
                granted = layer.names_host(host, port)
            else:
                granted = layer.names(address, port) or layer.names_host("", port)
            if not granted:
                raise denied("net", with_port(host, port))
        if address is not None:
            self.check_address(host, port, address)
        return address

    def check_address(self, host: str, port: int, address: Address) -> None:
        """Let an address pass that `host` is or leads to.

        Raises:
            PermissionDeniedError: it is special and was not named; the message has the flag.
        """
        what = special(address)
        self._current()
        if what is None or all(layer.reach(host, port, address, what) for layer in self._layers):
            return
        itself = host == str(address)
        names = [with_port(name, port) for name in dict.fromkeys((host, str(address)))]
        flag = f"--allow-net={','.join(names)}"
        article = "an" if what == "unspecified" else "a"
        leads = "is" if itself else f"leads to {address},"
        text = (
            f"reaching `{host}` is not permitted: it {leads} {article} {what} address, which must "
            f"be named; allow it with {flag}"
        )
        refused = PermissionDeniedError(text, flag=flag)
        refused.wants = tuple(("net", name) for name in names)
        refused.because = f"{'it' if itself else host} {leads} {article} {what} address"
        raise refused


def with_port(host: str, port: int) -> str:
    """Write a host as a grant of one port; what speaks https on its usual one needs none."""
    if port == _HTTPS:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_local_name(host: str) -> bool:
    """Say whether the internet cannot define `host`: it has one label, or a reserved suffix."""
    return "." not in host or any(host.endswith("." + suffix) for suffix in _LOCAL_SUFFIXES)


def canonical_host(host: str) -> str:
    """Write a host name in the one form in which hosts are compared."""
    host = host.lower().removesuffix(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def parse_grant(text: str) -> HostGrant:
    """Read one grant of ``net``.

    Raises:
        ConfigurationError: it is not a host; the message shows what is.
    """
    host, port = _split_port(text)
    if host == "*":
        return HostGrant(port=port)
    network = _network(host)
    if network is not None:
        return HostGrant(network=network, port=port)
    name = canonical_host(host.removeprefix("*."))
    if not name or any(c in name for c in "/*@ :?#[]%\\"):
        raise _not_a_host(text)
    return (
        HostGrant(suffix="." + name, port=port) if "*" in host else HostGrant(host=name, port=port)
    )


def _split_port(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or port.endswith("]"):
        return text.removeprefix("[").removesuffix("]"), None
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= _PORT_MAX):
        raise _not_a_host(text)
    return host.removeprefix("[").removesuffix("]"), int(port)


def _network(host: str) -> Network | None:
    try:
        return ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None


def _not_a_host(text: str) -> ConfigurationError:
    message = (
        f"`{text}` in --allow-net or [permissions] is not a host; write one as `example.org`, "
        "`example.org:8443`, `*.example.org`, `10.0.0.5`, `10.0.0.0/8` or `[::1]:8080`"
    )
    return ConfigurationError(message, key="net")
