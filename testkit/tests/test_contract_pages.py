"""The contract's pages and its cases say the same: each heading has a case, each case a heading."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from llmspell_core.engine import CAPABILITIES, TRAITS
from llmspell_testkit import EngineContract, HostileContract, load_cases
from llmspell_testkit.checks import LIMIT_SETTERS

PAGES = Path(__file__).parents[2] / "docs" / "contract"
OF_ENGINES = sorted(set(PAGES.glob("*.md")) - {PAGES / "bridges.md"})
"""The pages that an engine is held to; a bridge's page has the tests of its own contract."""


@cache
def headings(page: Path) -> dict[str, str]:
    """Return what stands below each heading of a page, by its anchor."""
    parts = re.split(r"^## (.+)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {anchor(name): text for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def anchor(name: str) -> str:
    """Make a heading's anchor as GitHub does."""
    return re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-")


def cited() -> set[str]:
    """Collect the headings that cases, and the contract's own tests, cite."""
    tests = [*vars(EngineContract).values(), *vars(HostileContract).values()]
    by_tests = {getattr(test, "contract_heading", None) for test in tests} - {None}
    return {case.heading for case in load_cases().values()} | by_tests


def written() -> set[str]:
    """Collect the headings of the pages, as cases cite them."""
    return {f"{page.stem}#{name}" for page in OF_ENGINES for name in headings(page)}


def test_every_heading_that_is_cited_exists() -> None:
    """A failure's link leads to a rule."""
    assert sorted(cited() - written()) == []


def test_every_rule_has_a_case() -> None:
    """A rule that nothing shows is a wish."""
    assert sorted(written() - cited() - {"README#versions"}) == []


def test_every_test_of_the_contract_cites_a_rule() -> None:
    """What is asked of an engine stands on a page."""
    without = [
        (contract.__name__, name)
        for contract in (EngineContract, HostileContract)
        for name, test in vars(contract).items()
        if name.startswith("test_") and not hasattr(test, "contract_heading")
    ]

    # their cases have headings
    assert without == [
        ("EngineContract", "test_case"),
        ("EngineContract", "test_what_is_declined_is_refused"),
        ("EngineContract", "test_what_is_lacking_is_not_there"),
    ]


@pytest.mark.parametrize("page", OF_ENGINES, ids=lambda page: page.stem)
def test_a_rule_is_one_paragraph(page: Path) -> None:
    """A rule is short: one paragraph, and a table where it lists."""
    long = [
        name
        for name, text in headings(page).items()
        if len([part for part in text.strip().split("\n\n") if not part.startswith("|")]) != 1
        or len(text.split("\n\n")[0]) > 700
    ]

    assert long == []


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link of a page is a file of this repository, and a heading in it."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, name = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (name and name not in _anchors(target)):
            broken.append(link)

    assert broken == []


def _anchors(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    return {anchor(name) for name in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}


def test_the_capabilities_are_listed() -> None:
    """The page says of each capability what the core says, and how it is declined."""
    rows = _rows("capabilities")

    assert {name: text for name, text, _ in rows} == CAPABILITIES
    for name, _, declined in rows:
        assert declined == ("the limit is refused" if name in LIMIT_SETTERS else "refused")


def test_the_traits_are_listed() -> None:
    """The page says of each trait what the core says, and what is seen where it is lacking."""
    rows = _rows("traits")

    assert {name: text for name, text, _ in rows} == TRAITS
    assert all(lacking for _, _, lacking in rows)


def _rows(heading: str) -> list[tuple[str, str, str]]:
    text = headings(PAGES / "README.md")[heading]
    return re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
