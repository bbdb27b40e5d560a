"""The page of the contract of bridges and its checks know each other."""

from __future__ import annotations

import re
from pathlib import Path

from llmspell_testkit import BridgeContract
from llmspell_testkit.bridge.check import CHECKS, PAGE

HEADINGS = {
    match[1].strip().lower().replace(" ", "-")
    for match in re.finditer(
        r"^## (.+)$", (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8"), re.MULTILINE
    )
}


def test_every_check_cites_a_rule() -> None:
    """A check names a heading that the page has."""
    assert {check.heading for check in CHECKS.values()} <= HEADINGS


def test_every_rule_has_a_check() -> None:
    """A heading of the page is cited by a check."""
    assert {check.heading for check in CHECKS.values()} >= HEADINGS


def test_every_check_says_its_rule() -> None:
    """A check's docstring is a sentence: the report shows it."""
    assert all(check.rule.endswith(".") for check in CHECKS.values())


def test_the_groups_are_those_of_the_specification() -> None:
    """Each group is a test of the contract, and says what its failure means."""
    groups = {check.group for check in CHECKS.values()}
    assert groups == {"standard", "type_safety", "error_handling", "methods"}
    docs = [getattr(BridgeContract, f"test_{group}").__doc__ for group in groups]
    assert all("If this fails, " in doc for doc in docs)
