"""Which addresses are special."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_bridges.policy.addresses import parse_address, special


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.0.9", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("10.1.2.3", "private"),
        ("172.31.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fd12::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("64:ff9b::a00:1", "private"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("169.254.169.254", "metadata"),
        ("::ffff:169.254.169.254", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - nothing is bound
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("2002:7f00:1::", "reserved"),
        ("2001:0:7f00:1::", "reserved"),
        ("::7f00:1", "reserved"),
        ("4000::1", "reserved"),
    ],
)
def test_an_address_that_is_not_of_the_internet_is_special(address: str, what: str) -> None:
    """Loopback, private, link-local, metadata and the like, however IPv6 wraps them."""
    assert special(ipaddress.ip_address(address)) == what


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "172.32.0.1"]
)
def test_an_address_of_the_internet_is_not_special(address: str) -> None:
    """What IANA gave out for the internet is ordinary, through NAT64 as well."""
    assert special(ipaddress.ip_address(address)) is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_means_the_same_inside_ipv6(address: ipaddress.IPv4Address) -> None:
    """No mapped or translated form is less special than the address it holds."""
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    nat64 = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address))
    assert special(mapped) == special(nat64) == special(address)


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_local_is_ordinary(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """The table is at least as strict as `ipaddress`."""
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_private:
        assert special(address) is not None


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "1.2.3",
        "999.1.1.1",
        "fe80::1%eth0",
        "1::2::3",
        "0x",
        "example.0x1f",
    ],
)
def test_a_number_that_some_resolvers_take_for_an_address_is_no_host(host: str) -> None:
    """Only the usual form is read; a name never ends in a number."""
    with pytest.raises(ValueError, match=r"number|zone"):
        parse_address(host)


@pytest.mark.parametrize("host", ["example.org", "a1", "1e100.net", "x.0x1g", "localhost"])
def test_a_name_is_not_taken_for_an_address(host: str) -> None:
    """It is looked up instead."""
    assert parse_address(host) is None
