"""What ties a test of a contract to the contract's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmspell_testkit.case import Case

F = TypeVar("F", bound="Callable[..., Any]")

SUITES = {
    "contract_standard": "what every engine must do",
    "contract_language": "what a language adds with `case_files`",
    "contract_security": "limits, the sandbox and the hostile corpus",
    "contract_performance": "ratios to a control of the same run; needs --contract-performance",
}
"""The suites of a contract, each a marker to choose with ``-m``."""

_SECURITY = ("limits", "sandbox")


def rule(heading: str) -> Callable[[F], F]:
    """Say which rule of the contract's pages a test shows, as ``page#anchor``."""

    def mark(test: F) -> F:
        test.__dict__["contract_heading"] = heading
        return test

    return mark


def needing(*nouns: str) -> Callable[[F], F]:
    """Leave a test of the contract out where the engine has not one of `nouns`."""

    def mark(test: F) -> F:
        test.__dict__["contract_needs"] = nouns
        return test

    return mark


def suite_of(heading: str) -> str:
    """Name the suite of a rule, by its page."""
    page = heading.partition("#")[0]
    if heading == "README#performance":
        return "contract_performance"
    return "contract_security" if page in _SECURITY else "contract_standard"


def case_of(params: Mapping[str, Any]) -> Case | None:
    """Return the case that a test of a contract is about, of its parameters; None if there is none."""
    names = ("contract_case", "contract_refusal", "contract_absence")
    return next((params[name] for name in names if params.get(name) is not None), None)


def suite_of_item(item: Any) -> str | None:
    """Name the suite of a collected test; None if it is none of a contract's."""
    contract = getattr(item, "cls", None)
    heading = getattr(getattr(item, "function", None), "contract_heading", None)
    params = item.callspec.params if hasattr(item, "callspec") else {}
    case = case_of(params)
    if case is not None and contract is not None:
        return "contract_language" if contract.is_own(case) else suite_of(case.heading)
    return None if heading is None else suite_of(heading)


def has_not(nouns: Sequence[str]) -> str:
    """Say what an engine has not: the capabilities it declines, and the traits its language lacks."""
    from llmspell_core.engine import TRAITS

    lacks = [noun for noun in nouns if noun in TRAITS]
    declines = [noun for noun in nouns if noun not in TRAITS]
    said = {"declines": declines, "lacks": lacks}
    return " and ".join(f"{verb} {', '.join(names)}" for verb, names in said.items() if names)
