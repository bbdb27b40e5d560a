"""Errors, limits, budget, permissions, registry and sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import (
    Budget,
    BudgetError,
    ConfigurationError,
    Ledger,
    Limits,
    LlmspellError,
    Permissions,
    PluginError,
    RateLimitError,
    ScriptTimeoutError,
    installed,
    read_source,
)
from llmspell_core.environment import is_credential
from llmspell_core.errors import KINDS
from llmspell_core.limits import limit_error

if TYPE_CHECKING:
    from pathlib import Path


def test_every_kind_of_error_has_one_class() -> None:
    """A record's kind finds the class, and the class has that kind."""
    assert {kind: cls.kind for kind, cls in KINDS.items()} == {kind: kind for kind in KINDS}
    assert all(issubclass(cls, LlmspellError) for cls in KINDS.values())


def test_an_errors_fields_are_attributes_and_details() -> None:
    """A field it does not have is a mistake."""
    error = RateLimitError("slow down", retry_after_s=2.0)
    assert (error.retry_after_s, error.retryable, error.details) == (
        2.0,
        True,
        {"retry_after_s": 2.0},
    )
    with pytest.raises(TypeError, match="no field 'nope'"):
        RateLimitError("x", nope=1)


def test_errors_are_the_standard_librarys_too() -> None:
    """`except TimeoutError` works for people who do not know our tree."""
    assert isinstance(limit_error("timeout", 1.0), TimeoutError)
    assert isinstance(limit_error("timeout", 1.0), ScriptTimeoutError)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("timeout", 1.0, "ran longer than 1 s; raise it with --timeout (limits.timeout_s)"),
        ("memory", 2**27, "used more than 128 MiB; raise it with --memory (limits.memory_bytes)"),
        ("cpu", 60.0, "used more than 60 s of processor time; raise it with --cpu (limits.cpu_s)"),
        ("memory", None, "used more memory than its engine can have"),
        ("unread_answers", 2**27, "left more than 128 MiB of answers unread; read them before"),
    ],
)
def test_a_limit_names_itself_its_value_and_its_option(
    limit: str, value: float | None, message: str
) -> None:
    """What was hit, and how to raise it, with an option or in a program; or that nothing does."""
    error = limit_error(limit, value)
    assert f"the spell {message}" in error.message
    assert (error.limit, error.value) == (limit, value)
    assert (error.option is not None) == ("raise it" in message)


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_must_be_positive(value: float) -> None:
    """None is the way to say unlimited."""
    with pytest.raises(ConfigurationError, match="`timeout_s` must be positive or None"):
        Limits(timeout_s=value)


def test_calls_at_the_same_time_cannot_overspend_together() -> None:
    """What is reserved counts until it is settled."""
    ledger = Ledger(Budget(cost_usd=1.0))
    first = ledger.reserve(cost_usd=0.6)
    with pytest.raises(BudgetError, match="1 USD"):
        ledger.reserve(cost_usd=0.6)
    first.settle(cost_usd=0.1, prompt_tokens=3, completion_tokens=4)
    first.settle(cost_usd=9.0)
    ledger.reserve(cost_usd=0.6)
    assert ledger.usage.cost_usd == pytest.approx(0.1)
    assert ledger.usage.tokens == 7
    assert ledger.remaining_usd() == pytest.approx(0.3)


def test_tool_calls_are_counted() -> None:
    """One more than the budget allows is refused."""
    ledger = Ledger(Budget(tool_calls=1))
    ledger.count_tool_call()
    with pytest.raises(BudgetError, match="--max-tool-calls"):
        ledger.count_tool_call()


@pytest.mark.parametrize(
    ("grant", "name", "allowed"),
    [
        (False, "HOME", False),
        (True, "HOME", True),
        (("HOME", "LC_*"), "LC_ALL", True),
        (("HOME",), "HOMES", False),
        ((), "HOME", False),
    ],
)
def test_a_grant_is_none_all_or_names(grant: Any, name: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    """A star stands for any text."""
    assert Permissions(env=grant).allows("env", name) is allowed


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("OPENAI_API_KEY", True),
        ("GITHUB_TOKEN", True),
        ("DB_PASSWORDS", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("SMTP_PASS", True),
        ("MYSQL_PWD", True),
        ("GH_PAT", True),
        ("SLACK_WEBHOOK_URL", True),
        ("AZURE_STORAGE_CONNECTION_STRING", True),
        ("PWD", False),
        ("OLDPWD", False),
        ("PATH", False),
        ("COMPASS", False),
        ("HOME", False),
        ("KEYBOARD", False),
        ("LLM_MODEL", False),
    ],
)
def test_credentials_are_known_by_their_names(name: str, secret: bool) -> None:  # noqa: FBT001 - a table
    """Those are never in a spell's environment."""
    assert is_credential(name) is secret


def _distribution(folder: Path, name: str, entry_points: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(entry_points)


def test_plugins_are_listed_without_being_imported(tmp_path: Path) -> None:
    """The first distribution on the path wins; other groups are left alone."""
    _distribution(
        tmp_path / "a", "one", "[llmspell.engines]\nx = no.such:Engine\n[other]\ny = z:z\n"
    )
    _distribution(tmp_path / "b", "one", "[llmspell.engines]\nx = shadowed:Engine\n")
    found = installed("llmspell.engines", [str(tmp_path / "a"), str(tmp_path / "b"), "/nowhere"])
    assert {name: plugin.target for name, plugin in found.items()} == {"x": "no.such:Engine"}
    with pytest.raises(PluginError, match="of the distribution one cannot be loaded") as caught:
        found["x"].load()
    assert caught.value.distribution == "one"


def test_two_distributions_with_one_name_are_refused(tmp_path: Path) -> None:
    """The message names both."""
    _distribution(tmp_path, "one", "[llmspell.engines]\nx = a:A\n")
    _distribution(tmp_path, "two", "[llmspell.engines]\nx = b:B\n")
    with pytest.raises(ConfigurationError, match="both one and two offer `x`"):
        installed("llmspell.engines", [str(tmp_path)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"ok\n\xff", r"x.lua:2: the spell is not UTF-8 text \(byte 0xff\)"),
        (b"a\nb\0c", "x.lua:2: the spell holds a NUL byte"),
        (b" " * (4 * 1024 * 1024 + 1), "larger than 4 MiB"),
        (None, "cannot read the spell .*no such file"),
    ],
)
def test_a_source_that_is_no_text_is_refused(
    tmp_path: Path, data: bytes | None, message: str
) -> None:
    """The message names the file, and the line where it can."""
    file = tmp_path / "x.lua"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ConfigurationError, match=message):
        read_source(file)


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    """The system's reason is passed on."""
    with pytest.raises(ConfigurationError, match="is a directory"):
        read_source(tmp_path)
