"""Cases of bridges: what a spell asks of models, agents and tools, the same in every language.

Unlike the engine contract's, they need the bridges of `llmspell-bridges` and a server that answers
as `replies` say; whoever runs them says how (`packages/llmspell-cli/tests/bridges`).
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_testkit.case import Case, Expected, Tagged
from llmspell_testkit.loader import check_case, parse
from llmspell_testkit.provider.reply import Reply
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read from a case file: an unknown key is a mistake."""


class BridgeExpected(Expected, msgspec.Struct, frozen=True, kw_only=True):
    """What a case must give, and what the server must have seen.

    `requests` are, for each request in order, its messages as ``role: content``; calls of tools
    are written ``assistant: name({"argument":1})``. With `any_order` their order is nobody's.
    `fetched` are the requests that the web server saw, as ``GET /path body``; `files` are those of
    the run's folder that must be there at its end, with their texts.
    """

    requests: list[list[str]] | None = None
    any_order: bool = False
    fetched: list[str] | None = None
    files: dict[str, str] = {}


class BridgeCase(Case, msgspec.Struct, frozen=True, kw_only=True):
    """One behaviour of bridges.

    `budget` narrows the usual one; `answers` are what somebody who is asked says, in order; None
    is a run that has nobody to ask. `stdin` are lines of standard input. `files` lie in the folder
    that the run's paths start from. `pages` are what a web server gives by path; in sources and in
    `permissions` it is called ``web.test``.
    """

    replies: list[Reply] = []
    budget: dict[str, int | float] = {}
    answers: list[bool] | None = None
    stdin: list[str] | None = None
    files: dict[str, str] = {}
    pages: dict[str, str] = {}
    expect: BridgeExpected


class _BridgeCaseFile(_Record, frozen=True, kw_only=True):
    topic: str
    since: str
    case: list[BridgeCase]


def load_bridge_cases(files: Iterable[Traversable | Path] | None = None) -> dict[str, BridgeCase]:
    """Read files of bridge cases (the packaged ones, if none are given); return them by id.

    Raises:
        CaseFileError: a file is wrong; it names the file and the case.
    """
    found: dict[str, BridgeCase] = {}
    for file in _packaged() if files is None else files:
        parsed = parse(file, _BridgeCaseFile)
        for case in parsed.case:
            named = msgspec.structs.replace(case, topic=parsed.topic, since=parsed.since)
            found[case.id] = check_case(file.name, named)
    return found


def _packaged() -> list[Traversable]:
    folder = resources.files("llmspell_testkit") / "bridge_cases"
    return sorted(
        (it for it in folder.iterdir() if it.name.endswith(".toml")), key=lambda it: it.name
    )


def seen_messages(body: dict[str, Any]) -> list[str]:
    """Write a request's messages as `BridgeExpected.requests` does."""
    return [_seen(message) for message in body.get("messages", ())]


def _seen(message: dict[str, Any]) -> str:
    calls = [
        f"{call['function']['name']}({call['function']['arguments']})"
        for call in message.get("tool_calls") or ()
    ]
    content = message.get("content")
    if isinstance(content, list):
        content = " ".join(part.get("text") or part["type"] for part in content)
    return f"{message['role']}: {' '.join(filter(None, [content, *calls]))}"


def request_problems(case: BridgeCase, bodies: list[dict[str, Any]]) -> Iterator[str]:
    """List everything in which the server saw other requests than the case expects."""
    if case.expect.requests is None:
        return
    wanted: Tagged = case.expect.requests
    got = [seen_messages(body) for body in bodies]
    if case.expect.any_order:
        wanted, got = sorted(wanted), sorted(got)
    yield from differences(wanted, got, "requests")
