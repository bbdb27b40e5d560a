"""Which network addresses are ordinary, and which a run must have been granted by themselves.

The tables are those of IANA's special-purpose address registries; the standard library's own
`is_private` changed its answers between patch releases (3.11.10), so it is not asked.
"""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_METADATA = (
    "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, OpenStack
    "169.254.170.2",  # AWS task credentials
    "169.254.170.23",  # AWS pod credentials
    "100.100.100.200",  # Alibaba
    "168.63.129.16",  # Azure's host agent, in public address space
    "192.0.0.192",  # Oracle
    "fd00:ec2::254",  # AWS
    "fd00:ec2::23",
    "fd20:ce::254",  # Google
)
_SPECIAL = (
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "private"),  # shared between a provider and its customers
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "private"),
    ("198.51.100.0/24", "reserved"),
    ("203.0.113.0/24", "reserved"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("64:ff9b:1::/48", "private"),
    ("2001::/23", "reserved"),  # Teredo, ORCHID, benchmarking
    ("2001:db8::/32", "reserved"),
    ("2002::/16", "reserved"),  # 6to4: an IPv4 address inside
    ("3fff::/20", "reserved"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_METADATA_ADDRESSES = frozenset(map(ipaddress.ip_address, _METADATA))
_SPECIAL_NETWORKS = tuple((ipaddress.ip_network(text), what) for text, what in _SPECIAL)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped or NAT64 one: that is where it leads."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def special(address: Address) -> str | None:
    """Say what makes an address special, such as ``loopback``; None for one of the internet."""
    address = unwrapped(address)
    if address in _METADATA_ADDRESSES:
        return "metadata"
    for network, what in _SPECIAL_NETWORKS:
        if address.version == network.version and address in network:
            return what
    if address.version == 6 and address not in _GLOBAL_V6:  # noqa: PLR2004 - IPv6
        return "reserved"
    return None


def parse_address(host: str) -> Address | None:
    """Read an IP address in its usual form; None if `host` is a name.

    Raises:
        ValueError: it is a number that some resolvers take for an address (``0x7f.1``,
            ``2130706433``, ``127.1``, ``0177.0.0.1``), or has a zone.
    """
    if "%" in host:
        text = "an address with a zone reaches this machine's own network only"
        raise ValueError(text)
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        if ":" in host or _ends_in_number(host):
            text = "it is a number, but no IP address in its usual form"
            raise ValueError(text) from None
        return None


def _ends_in_number(host: str) -> bool:
    """Say whether the URL standard takes `host` for an IPv4 address, by its last label."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdigit() or (
        last.startswith("0x") and all(c in "0123456789abcdef" for c in last[2:])
    )
