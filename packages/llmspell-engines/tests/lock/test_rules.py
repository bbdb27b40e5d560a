"""The rule set that is given to Landlock, by version of the kernel's interface."""

from __future__ import annotations

import ctypes
from struct import unpack

import landlockpy
import pytest
from landlockpy._syscall import RulesetAttr
from landlockpy.flags import LATEST_ABI

from llmspell_engines.worker.lock import landlock


@pytest.mark.parametrize("version", range(1, LATEST_ABI + 1))
def test_everything_that_can_be_denied_is(version: int) -> None:
    """Each version's rule set handles every right that an independent library knows of it."""
    data = landlock.attributes(version)
    files, network, scopes, *_ = (*unpack(f"={len(data) // 8}Q", data), 0, 0)
    assert files == landlockpy.fs_for_abi(version)
    assert network == landlockpy.net_for_abi(version)
    assert scopes == landlockpy.scope_for_abi(version)


@pytest.mark.parametrize(("version", "size"), [(1, 8), (3, 8), (4, 16), (5, 16), (6, 24), (11, 24)])
def test_the_structure_is_the_versions_own(version: int, size: int) -> None:
    """An older kernel gets no longer structure than it knows: it would refuse it."""
    assert len(landlock.attributes(version)) == size <= ctypes.sizeof(RulesetAttr)


def test_the_kernel_says_its_version() -> None:
    """The version is the one that the library finds."""
    assert landlock.abi() == landlockpy.abi_version()
