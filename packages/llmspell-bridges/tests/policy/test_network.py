"""Which hosts a run may reach."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_bridges.policy.network import NetPolicy, parse_grant
from llmspell_core import ConfigurationError, PermissionDeniedError, Permissions, ValidationError

Grant: TypeAlias = bool | tuple[str, ...]


def reach(grant: Grant, host: str, port: int = 443, leads_to: str = "") -> None:
    """Check a host, and the address it would lead to."""
    policy = NetPolicy(lambda: Permissions(net=grant))
    if policy.check_host(host, port, "http.get") is None:
        policy.check_address(host, port, ipaddress.ip_address(leads_to or "93.184.216.34"))


@pytest.mark.parametrize(
    ("grant", "host", "port", "leads_to"),
    [
        (("example.org",), "example.org", 8443, ""),
        (("example.org:8443",), "example.org", 8443, ""),
        (("*.example.org",), "a.b.example.org", 443, ""),
        (("EXAMPLE.org.",), "example.org", 443, ""),
        (("bücher.example",), "xn--bcher-kva.example", 443, ""),
        (True, "example.org", 443, ""),
        (True, "1.1.1.1", 443, ""),
        (("*",), "example.org", 443, ""),
        (("*", "localhost"), "localhost", 80, "127.0.0.1"),
        (("localhost",), "localhost", 80, "::1"),
        (("db",), "db", 5432, "10.0.0.5"),
        (("nas.local",), "nas.local", 80, "192.168.1.4"),
        (("127.0.0.1",), "127.0.0.1", 80, ""),
        (("127.0.0.1:8080",), "127.0.0.1", 8080, ""),
        (("[::1]:8080",), "::1", 8080, ""),
        (("::1",), "::1", 80, ""),
        (("10.0.0.0/8",), "10.9.9.9", 80, ""),
        (("intra.example.org", "10.0.0.0/8"), "intra.example.org", 443, "10.2.3.4"),
        (("169.254.169.254",), "169.254.169.254", 80, ""),
    ],
)
def test_a_named_host_is_reached(grant: Grant, host: str, port: int, leads_to: str) -> None:
    """By name, by suffix, by address, by network, by port."""
    reach(grant, host, port, leads_to)


@pytest.mark.parametrize(
    ("grant", "host", "port", "leads_to"),
    [
        (False, "example.org", 443, ""),
        ((), "example.org", 443, ""),
        (("example.org",), "evil.org", 443, ""),
        (("example.org",), "a.example.org", 443, ""),
        (("*.example.org",), "example.org", 443, ""),
        (("*.example.org",), "evilexample.org", 443, ""),
        (("*.example.org",), "example.org.evil.org", 443, ""),
        (("example.org:443",), "example.org", 80, ""),
        (("127.0.0.1:8080",), "127.0.0.1", 8081, ""),
        (True, "127.0.0.1", 80, ""),
        (True, "localhost", 80, "127.0.0.1"),
        (True, "10.0.0.1", 80, ""),
        (True, "::ffff:10.0.0.1", 80, ""),
        (True, "169.254.169.254", 80, ""),
        (True, "0.0.0.0", 80, ""),  # noqa: S104 - nothing is bound
        (True, "rebind.example.org", 443, "127.0.0.1"),
        (("rebind.example.org",), "rebind.example.org", 443, "127.0.0.1"),
        (("rebind.example.org",), "rebind.example.org", 443, "169.254.169.254"),
        (("*.local",), "nas.local", 80, "192.168.1.4"),
        (("metadata.google.internal",), "metadata.google.internal", 80, "169.254.169.254"),
        (("127.0.0.1",), "localhost", 80, "127.0.0.1"),
    ],
)
def test_what_is_not_named_is_refused_with_the_flag(
    grant: Grant, host: str, port: int, leads_to: str
) -> None:
    """A special address needs naming itself, whatever name leads to it."""
    with pytest.raises(PermissionDeniedError, match=r"--allow-net=") as caught:
        reach(grant, host, port, leads_to)
    assert caught.value.flag is not None
    flag = caught.value.flag.removeprefix("--allow-net=")
    before = grant if isinstance(grant, tuple) else ()
    reach((*before, *flag.split(","), leads_to or flag.split(",")[0]), host, port, leads_to)


def test_the_refusal_of_a_name_says_where_it_leads() -> None:
    """The message has the name, the address, what it is and the whole flag."""
    with pytest.raises(PermissionDeniedError) as caught:
        reach(("x.example.org",), "x.example.org", 443, "10.0.0.5")
    assert str(caught.value) == (
        "reaching `x.example.org` is not permitted: it leads to 10.0.0.5, a private address, "
        "which must be named; allow it with --allow-net=x.example.org,10.0.0.5"
    )


def test_a_number_is_not_a_host() -> None:
    """It is the argument's fault, not the permission's."""
    with pytest.raises(ValidationError, match="`2130706433` is not a host"):
        reach(("*",), "2130706433")


@pytest.mark.parametrize(
    "grant",
    ["", "https://example.org", "example.org/path", "a.*.org", "x:0", "x:99999", "u@x", "a b"],
)
def test_a_grant_that_is_no_host_says_what_is(grant: str) -> None:
    """A grant that could never match is a mistake of the configuration."""
    with pytest.raises(ConfigurationError, match="is not a host; write one as"):
        parse_grant(grant)


@given(st.text(alphabet="abc.*-", min_size=1, max_size=12), st.sampled_from(["org", "example.org"]))
def test_a_suffix_covers_only_what_ends_in_it_after_a_dot(prefix: str, suffix: str) -> None:
    """No other text before the suffix passes."""
    policy = NetPolicy(lambda: Permissions(net=(f"*.{suffix}",)))
    host = f"{prefix}{suffix}"
    if prefix.endswith("."):
        policy.check_host(host, 443, "http.get")
    else:
        with pytest.raises(PermissionDeniedError):
            policy.check_host(host, 443, "http.get")
