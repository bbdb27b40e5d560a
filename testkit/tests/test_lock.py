"""A case keeps its meaning within a version of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from llmspell_testkit import load_cases
from llmspell_testkit.loader import packaged
from llmspell_testkit.lock import Locked, LockError, digest_of, locked_text, read, updated, write

if TYPE_CHECKING:
    from llmspell_testkit import Case


@pytest.fixture
def case() -> Case:
    """Hold some case."""
    return load_cases()["values-int-64"]


def test_the_lock_is_up_to_date() -> None:
    """No case changed its meaning unnoticed: ``python -m llmspell_testkit.lock`` writes the lock."""
    assert write(updated(load_cases(packaged()), read(locked_text()))) == locked_text()


def test_what_is_run_or_expected_is_its_meaning(case: Case) -> None:
    """Another source, expectation, parameter or limit is another digest."""
    others = [
        msgspec.structs.replace(case, source={**case.source, "lua": "return 1"}),
        msgspec.structs.replace(case, expect=msgspec.structs.replace(case.expect, result=[1.0])),
        msgspec.structs.replace(case, params={"n": 1}),
        msgspec.structs.replace(case, params={"n": 1.0}),
        msgspec.structs.replace(case, params={"n": b"1"}),
        msgspec.structs.replace(case, limits={"timeout_s": 1}),
        msgspec.structs.replace(case, then="calls-add"),
    ]

    assert len({digest_of(it) for it in [case, *others]}) == len(others) + 1


def test_its_words_may_change(case: Case) -> None:
    """A clearer description, a finer heading or a finer capability is the same case."""
    other = msgspec.structs.replace(
        case, description="It is.", heading="values#floats", needs=["int64", "bytes"]
    )

    assert digest_of(other) == digest_of(case)


def test_the_open_version_is_rewritten(case: Case) -> None:
    """A case of the version that is open may change, and may go."""
    before = {"values-int-64": Locked("0.1", "0" * 16), "gone": Locked("0.1", "0" * 16)}

    lines = updated({case.id: case}, before, version="0.1")

    assert lines == {case.id: Locked("0.1", digest_of(case))}


@pytest.mark.parametrize("gone", [False, True])
def test_a_closed_version_is_kept(case: Case, *, gone: bool) -> None:
    """A case of an earlier version may neither change nor go."""
    before = {case.id: Locked("0.1", "0" * 16)}

    with pytest.raises(LockError, match="values-int-64"):
        updated({} if gone else {case.id: case}, before, version="0.2")


def test_a_reason_is_written_down(case: Case) -> None:
    """Where a case was wrong from the start, the lock says why it changed, from then on."""
    before = {case.id: Locked("0.1", "0" * 16)}

    lines = updated({case.id: case}, before, because="it was flaky", version="0.2")

    assert lines == {case.id: Locked("0.1", digest_of(case), "it was flaky")}
    assert read(write(lines)) == lines
    assert updated({case.id: case}, lines, version="0.2") == lines
