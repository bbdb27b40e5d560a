"""Included spells: what `require` can load is found, read and sent before the spell starts.

A sandboxed engine cannot read files while it runs, so the host looks for literal names,
``require("lib.helpers")``, follows them through the files they name, and sends all sources with
the start frame. A name is a path within the project with dots or slashes, with or without the
suffix; the project is the folder of the nearest ``llmspell.toml`` above the spell, else the
spell's own folder.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import ConfigurationError, LlmspellError
from llmspell_core.source import MAX_SOURCE_BYTES, Source, read_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT_FILE = "llmspell.toml"
MAX_INCLUDES = 200
_REQUIRE = re.compile(r"""(?<![\w.:])require\s*\(?\s*(["'])([^"'\n]{1,200})\1""")
_NAME = re.compile(r"(?:\./)?[\w-]+(?:[./][\w-]+)*\Z")


class Include(msgspec.Struct, frozen=True, kw_only=True):
    """One name that a spell may require: its source, or the `error` that requiring it raises."""

    name: str
    source: str = ""
    error: str | None = None
    path: str | None = None


def find_project(spell: str) -> str:
    """Return the folder that a spell's includes are confined to."""
    own = os.path.dirname(os.path.realpath(spell))  # noqa: PTH120 - pathlib costs 5 ms here
    folder = own
    while True:
        if os.path.isfile(os.path.join(folder, PROJECT_FILE)):  # noqa: PTH113, PTH118
            return folder
        parent = os.path.dirname(folder)  # noqa: PTH120
        if parent == folder:
            return own
        folder = parent


def find_includes(source: Source) -> dict[str, Include]:
    """Read what `source` requires, and what that requires in turn, by the names used.

    A name that cannot be read is no error here, since the line may never run: requiring it
    raises the reason. A spell without a file has no project, so nothing can be included.

    Raises:
        ConfigurationError: there are more than `MAX_INCLUDES`, or they are too large together.
    """
    names = list(_required(source.text))
    if not names:
        return {}
    found: dict[str, Include] = {}
    project = None if source.path is None else find_project(source.path)
    own = os.path.dirname(os.path.realpath(source.path or ""))  # noqa: PTH120
    folders = [] if project is None else [project, own]
    size = len(source.text)
    while names:
        name = names.pop()
        if name in found:
            continue
        include = _read(name, source.suffix, project, folders)
        found[name] = include
        size += len(include.source)
        if len(found) > MAX_INCLUDES or size > MAX_SOURCE_BYTES:
            text = (
                f"{source.name}: the spell includes more than {MAX_INCLUDES} files, "
                f"or {MAX_SOURCE_BYTES // 1024 // 1024} MiB"
            )
            raise ConfigurationError(text, file=source.path)
        names.extend(_required(include.source))
    return dict(sorted(found.items()))


def to_start(includes: Mapping[str, Include]) -> dict[str, dict[str, str]]:
    """Write includes as the start record has them."""
    return {
        name: {"name": item.name, "error": item.error}
        if item.error
        else {"name": item.name, "source": item.source}
        for name, item in includes.items()
    }


def _required(text: str) -> Iterator[str]:
    return (match[2] for match in _REQUIRE.finditer(text))


def _read(name: str, suffix: str, project: str | None, folders: list[str]) -> Include:
    if project is None:
        return Include(name=name, error=f"`{name}` cannot be required: the spell is not a file")
    if not _NAME.match(name.removesuffix(suffix)):
        text = (
            f"`{name}` cannot be required: a name is a path within the project, like `lib.helpers`"
        )
        return Include(name=name, error=text)
    stem = name.removesuffix(suffix).removeprefix("./").replace(".", "/")
    tried: list[str] = []
    for folder in dict.fromkeys(folders):
        path = os.path.realpath(os.path.join(folder, *stem.split("/")) + suffix)  # noqa: PTH118
        if not path.startswith(project.rstrip(os.sep) + os.sep):
            return Include(
                name=name, error=f"`{name}` cannot be required: it is outside the project"
            )
        # a script sees this: where the project lies on the machine is not its business
        shown = os.path.relpath(path, project)
        if not os.path.isfile(path):  # noqa: PTH113
            tried.append(shown)
            continue
        try:
            return Include(name=shown, source=read_source(path).text, path=path)
        except LlmspellError as error:
            return Include(name=shown, error=error.message.replace(path, shown))
    return Include(
        name=name, error=f"`{name}` cannot be required: there is no {' and no '.join(tried)}"
    )
