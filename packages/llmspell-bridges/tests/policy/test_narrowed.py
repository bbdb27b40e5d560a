"""What policies leave of grants, as the policies of paths and hosts read them."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmspell_bridges.policy.network import NetPolicy
from llmspell_bridges.policy.paths import PathPolicy
from llmspell_core import PermissionDeniedError, Permissions, Policy, ValidationError
from llmspell_core.policy import Policies

if TYPE_CHECKING:
    from collections.abc import Callable


class Answering(Policy):
    """Answers with the same grants, whatever it is given."""

    def __init__(self, permissions: Permissions) -> None:
        self.answer = permissions

    def permissions(self, permissions: Permissions) -> Permissions:
        return self.answer


def narrowed(before: Permissions, after: Permissions) -> Permissions:
    """Let a policy answer `after` to `before`."""
    return Policies([(Answering(after), None)]).permissions(before)


def passes(check: Callable[[], object]) -> bool:
    """Say whether a check lets it pass."""
    try:
        check()
    except (PermissionDeniedError, ValidationError):
        return False
    return True


host_grants = st.sampled_from(
    [
        "*",
        "*:80",
        "example.org",
        "example.org:80",
        "*.example.org",
        "localhost",
        "db",
        "127.0.0.1",
        "127.0.0.0/8",
        "10.0.0.0/8",
        "10.0.0.5:80",
        "[::1]:80",
        "169.254.169.254",
    ]
)
hosts = st.sampled_from(
    [
        "example.org",
        "a.example.org",
        "localhost",
        "db",
        "127.0.0.1",
        "10.0.0.5",
        "::1",
        "1.1.1.1",
        "169.254.169.254",
        "::ffff:127.0.0.1",
    ]
)
addresses = st.sampled_from(["127.0.0.1", "10.0.0.5", "1.1.1.1", "169.254.169.254", "::1"])
nets = st.one_of(st.booleans(), st.lists(host_grants, max_size=3).map(tuple))


@example(True, ("127.0.0.1",), "127.0.0.1", "127.0.0.1", 80)  # noqa: FBT003 - a grant
@given(nets, nets, hosts, addresses, st.sampled_from([80, 443]))
def test_a_policy_never_opens_a_host(
    before: bool | tuple[str, ...],  # noqa: FBT001 - a grant
    after: bool | tuple[str, ...],  # noqa: FBT001 - a grant
    host: str,
    address: str,
    port: int,
) -> None:
    """Neither a name nor an address: not even a private one that it names itself."""

    def reach(permissions: Permissions) -> bool:
        policy = NetPolicy(lambda: permissions)
        leads_to = ipaddress.ip_address(address)
        return passes(
            lambda: (
                policy.check_host(host, port, "http.get")
                or policy.check_address(host, port, leads_to)
            )
        )

    granted, answered = Permissions(net=before), Permissions(net=after)
    if reach(narrowed(granted, answered)):
        assert reach(granted)
        assert reach(answered) or after is True


# few, so that grants and paths meet
paths = st.sampled_from(["/", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/a/../b", "/a/.", "/*", "/a/*"])
files = st.one_of(st.booleans(), st.lists(paths, max_size=3).map(tuple))


@example(("/a",), ("/b",), "/b", "read")
@given(files, files, paths, st.sampled_from(["read", "write"]))
def test_a_policy_never_opens_a_path(
    before: bool | tuple[str, ...],  # noqa: FBT001 - a grant
    after: bool | tuple[str, ...],  # noqa: FBT001 - a grant
    path: str,
    access: str,
) -> None:
    """What it leaves is what both cover."""

    def reach(permissions: Permissions) -> bool:
        policy = PathPolicy(lambda: permissions, root="/nowhere", protected=[])
        return passes(lambda: policy.resolve(path, access, "fs.read"))  # type: ignore[arg-type]  # one of the two

    granted, answered = (Permissions(read=it, write=it) for it in (before, after))
    assert reach(narrowed(granted, answered)) == (reach(granted) and reach(answered))


class NoSecrets(Policy):
    """Forbids what has the word in its name."""

    def allows(self, effect: str, name: str | None) -> bool:
        return "secret" not in (name or "")


def test_a_veto_is_asked_for_paths_and_hosts() -> None:
    """A path as it is without links, and a host, before it is looked up."""
    everything = Policies([(NoSecrets(), None)]).permissions(Permissions.everything())
    path = PathPolicy(lambda: everything, root="/nowhere", protected=[])
    assert path.resolve("a", "read", "fs.read") == "/nowhere/a"
    with pytest.raises(PermissionDeniedError):
        path.resolve("a/../secret/x", "read", "fs.read")
    net = NetPolicy(lambda: everything)
    net.check_host("example.org", 443, "http.get")
    with pytest.raises(PermissionDeniedError):
        net.check_host("secret.example.org", 443, "http.get")
