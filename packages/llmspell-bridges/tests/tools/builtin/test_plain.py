"""The tools that need nothing of the run: arithmetic and dates."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from llmspell_bridges.tools.builtin import calculator
from llmspell_core import ToolError, UnsupportedError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("2 * 3 ^ 2", 18),
        ("2**0.5", 2**0.5),
        ("10 / 4", 2.5),
        ("-7 // 2", -4),
        ("sqrt(16) + hypot(3, 4)", 9.0),
        ("round(2.675, 2)", 2.67),
        ("factorial(20)", "2432902008176640000"),
        ("max(1, 2.5) > 2", True),
        ("1 < 2 < 3", True),
        ("ln(e) + log(100, 10)", 3.0),
        ("2 ^ -2", 0.25),
        ("1 and 2", 2),
    ],
)
async def test_it_calculates(use: Any, expression: str, answer: Any) -> None:
    """A whole number that no script holds exactly comes as text."""
    assert await use("calculator", expression) == answer


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "4000000**4000000",
        "factorial(100000)",
        "comb(10000000, 5000000)",
        "perm(10000000, 5000000)",
        "pow(10, 100000)",
        "1e308 * 10",
        "lcm(" + ", ".join(f"{n}**900" for n in (97, 101, 103, 107)) + ")",
        "-(9**9**9)",
    ],
)
async def test_what_is_too_large_is_refused_at_once(use: Any, expression: str) -> None:
    """Nobody waits for a number of a million digits."""
    await use("calculator", "1")
    started = time.thread_time()
    with pytest.raises(ToolError, match=r"too large|not a number"):
        await use("calculator", expression)
    assert time.thread_time() - started < 1


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1 +",
        "x",
        "'a' * 1000000000",
        "[1] * 1000000000",
        "open('/etc/passwd')",
        "__import__('os')",
        "(1).__class__",
        "sqrt.__globals__",
        "[x for x in range(10)]",
        "lambda: 1",
        "1 << 100000000",
        "sqrt(-1)",
        "(-8) ** 0.5",
        "f'{1}'",
        "sqrt",
        "1; 2",
        "a := 1",
        "(" * 490 + "1" + ")" * 490,
    ],
)
async def test_what_is_no_calculation_is_refused(use: Any, expression: str) -> None:
    """Names, attributes, texts, lists: nothing but numbers."""
    with pytest.raises(ToolError, match=r"not a calculation|too deeply"):
        await use("calculator", expression)


async def test_without_the_library_it_says_how_to_install_it(monkeypatch: Any) -> None:
    """The tool's own extra."""
    monkeypatch.setitem(sys.modules, "simpleeval", None)
    calculator._evaluator.cache_clear()
    with pytest.raises(UnsupportedError, match=r"`simpleeval`; .*llmspell-bridges\[tools\]"):
        calculator._evaluator()


async def test_now_is_now(use: Any) -> None:
    """In UTC, unless a zone is given."""
    found = await use("datetime")
    assert abs(found["unix_s"] - time.time()) < 60
    assert found["iso"].endswith("+00:00")
    assert (await use("datetime", "+05:30"))["iso"].endswith("+05:30")


@pytest.mark.parametrize(
    ("given", "iso"),
    [
        ({"at": "2024-01-31", "add": {"months": 1}}, "2024-02-29T00:00:00+00:00"),
        ({"at": "2024-02-29", "add": {"years": -1}}, "2023-02-28T00:00:00+00:00"),
        ({"at": "2024-12-31", "add": {"months": 2, "days": 1}}, "2025-03-01T00:00:00+00:00"),
        ({"at": "2024-03-31T00:30", "add": {"hours": 1}}, "2024-03-31T01:30:00+00:00"),
        ({"at": "2024-06-01T12:00+02:00"}, "2024-06-01T10:00:00+00:00"),
        (
            {"at": "2024-03-31T01:30", "timezone": "Europe/Paris", "add": {"hours": 1}},
            "2024-03-31T03:30:00+02:00",
        ),
        (
            {"at": "2024-03-30T12:00", "timezone": "Europe/Paris", "add": {"days": 1}},
            "2024-03-31T12:00:00+02:00",
        ),
    ],
)
async def test_dates_are_added_by_the_calendar_and_hours_by_the_clock(
    use: Any, given: dict[str, Any], iso: str
) -> None:
    """A month ends where it ends; an hour that a zone skips is skipped."""
    assert (await use("datetime", given))["iso"] == iso


async def test_the_time_until_is_counted(use: Any) -> None:
    """A moment without a zone is in the one that was given."""
    found = await use("datetime", {"at": "2024-01-01", "until": "2024-01-02T12:00"})
    assert (found["days_until"], found["seconds_until"]) == (1.5, 129600)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"timezone": "Mars/Olympus"}, "unknown time zone `Mars/Olympus`"),
        ({"timezone": "../../etc/passwd"}, "unknown time zone"),
        ({"timezone": "/etc/passwd"}, "unknown time zone"),
        ({"at": "tomorrow"}, "`at` is `tomorrow`: no ISO 8601 moment"),
        ({"at": "2024-01-01", "add": {"years": 9000}}, "from year 1 to 9999"),
        ({"at": "2024-01-01", "add": {"days": 1_000_000_000}}, "from year 1 to 9999"),
        ({"at": "0001-01-01", "timezone": "+05:00"}, "from year 1 to 9999"),
        ({"until": "9999-12-31T23:59-12:00"}, None),
    ],
)
async def test_a_wrong_moment_says_why(use: Any, given: dict[str, Any], said: str | None) -> None:
    """And how one is written."""
    if said is None:
        assert (await use("datetime", given))["days_until"] > 0
        return
    with pytest.raises(ToolError, match=said):
        await use("datetime", given)
