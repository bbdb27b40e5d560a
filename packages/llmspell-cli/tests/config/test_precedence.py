"""Which source of a setting wins, and that every setting names its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_cli.config import resolve
from llmspell_cli.config.keys import KEYS
from llmspell_cli.config.reader import ConfigFile
from llmspell_cli.config.resolved import DEFAULT_MODEL
from llmspell_core import Budget, ConfigurationError, Limits, Permissions

if TYPE_CHECKING:
    from conftest import Place

NUMBERS = [key for key in KEYS if key.kind != "grant"]
AMOUNTS = st.none() | st.integers(1, 10**6)


def test_without_anything_all_is_default(place: Place) -> None:
    """No file, no variable, no option: the core's own defaults."""
    found = place.load()
    assert (found.limits, found.budget, found.permissions) == (Limits(), Budget(), Permissions())
    assert {setting.source for setting in found.settings.values()} == {"default"}
    assert not found.providers
    assert not found.warnings


def _file(name: str, path: tuple[str, ...], value: Any) -> ConfigFile | None:
    if value is None:
        return None
    return ConfigFile(path=name, values={path: value}, lines={path: 7}, trusted=True)


@given(st.sampled_from(NUMBERS), AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_first_source_that_has_it_wins(
    key: Any, option: int | None, variable: int | None, project: int | None, user: int | None
) -> None:
    """Option, environment, project's file, user's file, default: in this order, for every key."""
    options = {key.parameter: option} if key.option else {}
    environ = {} if variable is None else {key.variable: str(variable)}
    found = resolve(
        options,
        environ,
        _file("/p/llmspell.toml", key.path, project),
        _file("/u/config.toml", key.path, user),
    ).settings[key.path]
    candidates = [
        (option if key.option else None, f"option --{key.option}"),
        (variable, f"environment {key.variable}"),
        (project, "/p/llmspell.toml:7"),
        (user, "/u/config.toml:7"),
    ]
    expected = next((it for it in candidates if it[0] is not None), (key.default, "default"))
    assert (found.value, found.source) == expected


@given(st.dictionaries(st.sampled_from(NUMBERS), st.integers(1, 10**6)))
def test_settings_do_not_disturb_each_other(values: dict[Any, int]) -> None:
    """What one variable sets, no other setting sees."""
    found = resolve({}, {key.variable: str(value) for key, value in values.items()})
    for key in KEYS:
        assert found.settings[key.path].value == values.get(key, key.default)
        assert getattr(getattr(found, key.section), key.name) == values.get(key, key.default)


def test_variables_are_unique() -> None:
    """Flat names serve, since no two settings share one."""
    assert len({key.variable for key in KEYS}) == len(KEYS)


def test_files_say_none_for_unlimited(place: Place) -> None:
    """TOML has no null, and `-1` is no amount; the option's infinity means the same."""
    place.user.write_text('[limits]\ntimeout_s = "none"\n[budget]\ncost_usd = "none"\n')
    found = place.load(memory=math.inf)
    assert found.limits.timeout_s is None
    assert found.limits.memory_bytes is None
    assert found.budget.cost_usd is None
    assert found.settings["limits", "timeout_s"].source.endswith("config.toml:2")


@pytest.mark.parametrize(
    ("variable", "text", "path", "value"),
    [
        ("LLMSPELL_TIMEOUT", "5m", ("limits", "timeout_s"), 300.0),
        ("LLMSPELL_MEMORY", "64MiB", ("limits", "memory_bytes"), 64 * 1024 * 1024),
        ("LLMSPELL_MAX_COST", "0.50", ("budget", "cost_usd"), 0.5),
        ("LLMSPELL_MAX_TOKENS", "none", ("budget", "tokens"), None),
        ("LLMSPELL_AGENT_STEPS", "7", ("budget", "agent_steps"), 7),
        ("LLMSPELL_ALLOW_READ", "a, b", ("permissions", "read"), ("a", "b")),
        ("LLMSPELL_ALLOW_NET", "true", ("permissions", "net"), True),
        ("LLMSPELL_ALLOW_MODEL", "false", ("permissions", "model"), False),
        ("LLMSPELL_TIMEOUT", " ", ("limits", "timeout_s"), 300.0),
    ],
)
def test_variables_are_written_as_options_are(
    variable: str, text: str, path: tuple[str, str], value: Any
) -> None:
    """Units, `none`, names with commas; an empty variable is not set."""
    assert resolve({}, {variable: text}).settings[path].value == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LLMSPELL_TIMEOUT", "soon"),
        ("LLMSPELL_TIMEOUT", "-1"),
        ("LLMSPELL_TIMEOUT", "nan"),
        ("LLMSPELL_MEMORY", "9" * 400),
        ("LLMSPELL_MAX_COST", "1e3"),
        ("LLMSPELL_MAX_LOG", "none"),
        ("LLMSPELL_MAX_CALLS_IN_FLIGHT", "0"),
        ("LLMSPELL_MAX_TOKENS", "٣"),
        ("LLMSPELL_ALLOW_READ", "a,,b"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str) -> None:
    """The error has the variable's name, as message and as key."""
    with pytest.raises(ConfigurationError, match=variable) as caught:
        resolve({}, {variable: text})
    assert caught.value.key == variable
    assert "expected" in caught.value.message


def test_a_misspelt_variable_is_told(place: Place) -> None:
    """It would change nothing without a word; those of others are left alone."""
    place.environ |= {"LLMSPELL_TIMEOT": "3", "LLMSPELL_ACME_PLUGIN": "1"}
    (warning,) = place.load().warnings
    assert "LLMSPELL_TIMEOT is unknown; did you mean LLMSPELL_TIMEOUT?" in warning


def test_grants_of_options_name_their_flag(place: Place) -> None:
    """A flag alone grants all, with a value those names; the rest keeps its own source."""
    place.user.write_text("[permissions]\nenv = ['HOME']\n")
    found = place.load(allow_read=("a,b", "c"), allow_net=("\0",), allow_all=False)
    assert found.permissions == Permissions(read=("a", "b", "c"), net=True, env=("HOME",))
    assert found.settings["permissions", "read"].source == "option --allow-read"


def test_allow_all_grants_everything(place: Place) -> None:
    """It is above what files refuse."""
    place.user.write_text("[permissions]\nmodel = false\n")
    found = place.load(allow_all=True)
    assert found.permissions == Permissions.everything()
    assert found.settings["permissions", "model"].source == "option --allow-all"


@pytest.mark.parametrize(
    ("option", "variable", "expected", "source"),
    [
        ("a/b", "c/d", "a/b", "option --model"),
        (None, "c/d", "c/d", "environment LLMSPELL_MODEL"),
        ("default", None, "local/minilm", "config.toml:2"),
        (None, None, "local/minilm", "config.toml:2"),
    ],
)
def test_the_default_model(
    place: Place, option: str | None, variable: str | None, expected: str, source: str
) -> None:
    """It comes as all else does, and `default` is an alias of it."""
    place.user.write_text('[models]\ndefault = "local/minilm"\n')
    if variable:
        place.environ["LLMSPELL_MODEL"] = variable
    found = place.load(model=option)
    assert found.default_model == found.models["default"] == expected
    assert found.settings["models", "default"].source.endswith(source)


def test_the_nearest_project_counts(place: Place) -> None:
    """A folder of the project may have a file of its own; a link belongs where it leads."""
    place.project.write_text('[limits]\ntimeout_s = 5\n[models]\na = "x/y"\n')
    assert place.load().limits.timeout_s == 5
    (place.spell.parent / "llmspell.toml").write_text("[limits]\ntimeout_s = 6\n")
    found = place.load()
    assert (found.limits.timeout_s, found.models) == (6, {"default": DEFAULT_MODEL})
    link = place.user.parent / "linked.lua"
    link.symlink_to(place.spell)
    place.spell = link
    assert place.load().limits.timeout_s == 6


def test_providers_merge_by_key(place: Place) -> None:
    """One file may hold the key, the other the timeout."""
    from llmspell_cli.config import trust

    place.user.write_text("[providers.openai]\ntimeout_s = 30\nmax_retries = 2\n")
    place.project.write_text("[providers.openai]\ntimeout_s = 5\n")
    trust(str(place.project))
    provider = place.load().providers["openai"]
    assert (provider.timeout_s, provider.max_retries) == (5.0, 2)
