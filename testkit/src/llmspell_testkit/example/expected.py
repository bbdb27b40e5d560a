"""What an example's ``expected.toml`` holds: how it is run, and what it must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from llmspell_testkit.loader import CaseFileError
from llmspell_testkit.provider import Page, Reply

if TYPE_CHECKING:
    from pathlib import Path

FILE = "expected.toml"


class ExampleCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to run an example, and what must come of it in every language.

    `args` follow the spell's name on the command line. `replies` are what the models answer, and
    `pages` what a web server gives; ``{url}`` and ``{host}`` in `args` and `env` are its address.
    `stdout_matches` and `stderr_matches` are regular expressions for all of the text; `files` are
    those that must be there afterwards; `requests` are what the models were asked, as
    ``role: content``. A further field of a subclass is for the contract's `prepare`.
    """

    args: list[str] = []
    env: dict[str, str] = {}
    stdin: str = ""
    replies: list[Reply] = []
    pages: dict[str, Page] = {}
    exit_code: int = 0
    stdout_matches: str
    stderr: str | None = None
    stderr_matches: str | None = None
    files: dict[str, str] = {}
    requests: list[list[str]] | None = None


class _Expected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file: its `model` is a double that answers as told, or those that are there."""

    model: Literal["mock", "local"]
    case: list[Any]


def read_expected(
    folder: Path, kind: type[ExampleCase] = ExampleCase
) -> tuple[str, list[ExampleCase]]:
    """Read an example's expectations: the kind of model, and the cases.

    Raises:
        CaseFileError: the file is wrong; it names the file and the case.
    """
    file = folder / FILE
    where = f"{folder.name}/{FILE}"
    try:
        read = msgspec.toml.decode(file.read_bytes(), type=_Expected)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CaseFileError(f"{where}: {error}") from None
    cases = []
    for number, data in enumerate(read.case):
        try:
            cases.append(msgspec.convert(data, kind))
        except msgspec.ValidationError as error:
            raise CaseFileError(f"{where}: case {number}: {error}") from None
    return read.model, cases
