"""One case of the engine contract, as its TOML file holds it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

CONTRACT_VERSION = "0.1"
"""The version of the contract that these cases are; what a new one changes, it says by `since`."""

Tagged = Annotated[Any, msgspec.Meta(extra_json_schema={"$ref": "#/$defs/tagged"})]
"""A value as `llmspell_testkit.tagged` reads it."""
CaseId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
Heading = Annotated[str, msgspec.Meta(pattern=r"^(README|[a-z-]+)#[a-z0-9-]+$")]
Version = Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+$")]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read from a case file: an unknown key is a mistake."""


class ExpectedError(_Record, frozen=True, kw_only=True):
    """What must end the spell; only what is named is compared.

    `kind` is one, or several of which it has to be one; `message` is a part of the text, `pattern` a regular expression found in it; `line` and `column`
    are the innermost place, in `file` (without its suffix; the spell itself unless given); `lines`
    are the traceback's lines from there outwards, of which the first suffice; of `details` each
    named one must be there, and none of `without`.
    """

    kind: str | list[str]
    message: str | None = None
    pattern: str | None = None
    file: str = "spell"
    line: int | None = None
    column: int | None = None
    lines: list[int] | None = None
    retryable: bool | None = None
    bridge: str | None = None
    method: str | None = None
    details: dict[str, Tagged] = {}
    without: list[str] = []

    @property
    def kinds(self) -> list[str]:
        """The kinds that it may have."""
        return [self.kind] if isinstance(self.kind, str) else self.kind


class Expected(_Record, frozen=True, kw_only=True):
    """What a case must give: a `result` or an `error`, and everything that can be seen of it.

    `logs` are ``[level, text]`` pairs, exactly these; None leaves them unchecked, and is meant for
    floods. `calls` are the names of the probe's methods in the order they began. `counts` are
    the probe's own figures after the run, such as ``closed_streams``.
    """

    result: Tagged = msgspec.UNSET
    error: ExpectedError | None = None
    logs: list[tuple[str, Tagged]] = []
    any_logs: bool = False
    calls: list[str] | None = None
    counts: dict[str, int] = {}


class Case(_Record, frozen=True, kw_only=True):
    """One behaviour that every engine shows: the same in each language it is written in.

    `heading` is where the contract says so (``page#anchor``). It holds in the versions of the
    contract from `since` to `until`, without a change of its meaning. `needs` are capabilities and
    traits that an engine may not have. A case of `declines` is for the engines that decline that
    capability, and shows that they say so; a case of `lacks` is for those that do not state that
    trait, and shows that their language has it not. `source` and `includes` are by engine name; `then` is a case that the
    same engine must pass right after this one.
    """

    id: CaseId
    description: str
    heading: Heading
    since: Version = ""
    until: Version | None = None
    topic: str = ""
    needs: list[str] = []
    declines: str | None = None
    lacks: str | None = None
    action: Literal["run", "validate"] = "run"
    source: dict[str, str]
    includes: dict[str, dict[str, str]] = {}
    params: dict[str, Tagged] = {}
    env: dict[str, str] = {}
    permissions: dict[str, bool | list[str]] = {}
    limits: dict[str, float | int] = {}
    seed: int = 1
    clock_ms: int = 1_700_000_000_000
    deadline_s: Seconds = 10.0
    expect: Expected
    then: CaseId | None = None


class CaseFile(_Record, frozen=True, kw_only=True):
    """One file: a topic, the version its cases are since (unless one says otherwise), the cases."""

    topic: str
    since: Version
    case: list[Case]
