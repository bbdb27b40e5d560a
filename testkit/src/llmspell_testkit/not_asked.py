"""Checks of bridges that an engine cannot be asked: neither passed nor skipped, and the run says so.

A hook of pytest's and what the plugin needs; nothing is imported here that every pytest run would pay.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

NOT_ASKED = "contract_not_asked"
"""The property of such a test's report: the engine's name, then the nouns that it has not."""
CATEGORY = "declined"


def not_asked(report: pytest.TestReport | pytest.CollectReport) -> list[str]:
    """Return the engine's name and what it has not, of a check that was not made; else nothing."""
    properties = dict(getattr(report, "user_properties", ()))
    found: list[str] = properties.get(NOT_ASKED, [])
    return found if report.passed and report.when == "call" else []


def pytest_report_teststatus(
    report: pytest.TestReport | pytest.CollectReport,
) -> tuple[str, str, str] | None:
    """Count such a check as declined, where pytest would count a pass."""
    return (CATEGORY, "d", CATEGORY.upper()) if not_asked(report) else None


def rows(reports: list[pytest.TestReport]) -> Iterator[str]:
    """Say of each contract what its engines were not asked, and how often."""
    counts = Counter((report.nodeid.split("::")[-2], *not_asked(report)) for report in reports)
    for (contract, engine, *nouns), count in sorted(counts.items()):
        checks = "1 check" if count == 1 else f"{count} checks"
        yield f"{contract}: {engine} has no {', '.join(nouns)}: {checks} not made"
