"""One hostile script, as its TOML file holds it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmspell_core.limits import MIB
from llmspell_testkit.case import CaseId, Tagged, Version

Outcome = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]+(:[a-z_ ]+)?$")]
"""``ok``, a kind of error such as ``runtime``, or ``limit:`` and a limit's name."""

DEFAULT_LIMITS: dict[str, float] = {"timeout_s": 1.0, "memory_bytes": 32 * MIB, "cpu_s": 5.0}
"""What a case runs under unless it says otherwise: less than users get, so that bombs end soon."""


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read from a case file: an unknown key is a mistake."""


class HostileCase(_Record, frozen=True, kw_only=True):
    """One attempt, and the outcomes that are allowed.

    `source` is the script; it finds ``params.canary_file``, ``params.marker``, ``params.port`` and
    ``params.pid``, and the bridge ``probe``. A script that thinks its attempt worked returns (or
    prints, or raises) a text that begins with ``ESCAPED``. `expect` lists the outcomes that are
    allowed; `result` is the exact result where the outcome is ``ok``. `files` lie beside the
    script, by path; `limits` are by the names of `llmspell_core.Limits`.
    """

    id: CaseId
    description: str
    topic: str = ""
    since: Version = ""
    source: str
    expect: Annotated[list[Outcome], msgspec.Meta(min_length=1)]
    result: Tagged = msgspec.UNSET
    limits: dict[str, float | int] = {}
    files: dict[str, str] = {}


class HostileFile(_Record, frozen=True, kw_only=True):
    """One file: a topic, the version its cases are since (unless one says otherwise), the cases."""

    topic: str
    since: Version
    case: list[HostileCase]


class GoodSpell(_Record, frozen=True, kw_only=True):
    """``good.toml`` of a language: a spell that the same host must still run, and its result."""

    source: str
    result: Tagged


class Corpus(msgspec.Struct, frozen=True, kw_only=True):
    """All cases of one language, by id, and its good spell."""

    cases: dict[str, HostileCase]
    good: GoodSpell
