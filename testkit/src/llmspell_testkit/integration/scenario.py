"""A scenario: one spell in each language, the world around it, and what it must leave there."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llmspell_testkit.case import Case, Expected, Tagged
from llmspell_testkit.loader import check_case, parse
from llmspell_testkit.provider import Page, Reply
from llmspell_testkit.tagged import read_tagged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable
    from pathlib import Path

T = TypeVar("T")


class ScenarioExpected(Expected, msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario must give, and the side effects it must have; None leaves one unchecked.

    `requests` are what the provider of models saw: for each request its messages, as
    ``role: content``; `fetched` what the web server saw, as ``GET /path?query body``. With
    `any_order` the order of both is nobody's. `files` are all that lie in the folder at the end,
    with their texts. `calls` are the calls of the spell as the recorder tells of them, as
    ``fs.read ok``, in the order they ended; `spans` those of OpenTelemetry in the order they began,
    as ``bridge.call fs.read``, with ``!kind`` after one that failed; ``{engine}`` is the engine.
    """

    requests: list[list[Tagged]] | None = None
    fetched: list[Tagged] | None = None
    any_order: bool = False
    files: dict[str, Tagged] | None = None
    spans: list[str] | None = None


class Scenario(Case, msgspec.Struct, frozen=True, kw_only=True):
    """One spell over bridges, from end to end.

    `bridges` are those it needs: where one is not installed, it is declined. The provider gives
    `replies`, the web server `pages`, and `files` lie in the folder where paths begin. In params
    and permissions ``{url}`` stands for the server's address and ``{host}`` for that without its
    scheme. `handles_failures` says that the script does: under chaos its result is another.
    """

    bridges: list[str]
    replies: list[Reply] = []
    pages: dict[str, Page] = {}
    files: dict[str, str] = {}
    budget: dict[str, int | float] = {}
    handles_failures: bool = False
    deadline_s: float = 30.0  # the first one imports the libraries
    expect: ScenarioExpected


class _ScenarioFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    topic: str
    since: str
    case: list[Scenario]


def packaged_scenarios() -> tuple[Traversable, ...]:
    """List the testkit's own scenario files, by name."""
    folder = resources.files("llmspell_testkit") / "scenarios"
    files = (file for file in folder.iterdir() if file.name.endswith(".toml"))
    return tuple(sorted(files, key=lambda file: file.name))


def load_scenarios(files: Iterable[Traversable | Path] | None = None) -> dict[str, Scenario]:
    """Read scenario files (the packaged ones, if none are given); return them by id.

    Raises:
        CaseFileError: a file is wrong; it names the file and the scenario.
    """
    found: dict[str, Scenario] = {}
    for file in packaged_scenarios() if files is None else files:
        parsed = parse(file, _ScenarioFile)
        for case in parsed.case:
            named = msgspec.structs.replace(case, topic=parsed.topic, since=parsed.since)
            found[case.id] = _untagged(check_case(file.name, named))
    return found


def _untagged(scenario: Scenario) -> Scenario:
    expect = scenario.expect
    changed = {
        name: read_tagged(getattr(expect, name)) for name in ("requests", "fetched", "files")
    }
    expect = msgspec.structs.replace(expect, **changed)
    return msgspec.structs.replace(scenario, expect=expect)


def placed(value: T, url: str) -> T:
    """Put the server's address into every text of a value."""
    if isinstance(value, str):
        host = url.partition("://")[2]
        return value.replace("{url}", url).replace("{host}", host)  # type: ignore[return-value]  # a str is T
    if isinstance(value, list):
        return [placed(item, url) for item in value]  # type: ignore[return-value]  # a list is T
    if isinstance(value, dict):
        return {key: placed(item, url) for key, item in value.items()}  # type: ignore[return-value]  # as above
    return value


def at(scenario: Scenario, url: str) -> Scenario:
    """Return the scenario with the server's address in its params and permissions."""
    changed: dict[str, Any] = {
        name: placed(getattr(scenario, name), url) for name in ("params", "permissions")
    }
    return msgspec.structs.replace(scenario, **changed)
