"""Finding, reading and resolving all there is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llmspell_cli.config.files import find_project, read, user_file
from llmspell_cli.config.precedence import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.reader import ConfigFile
    from llmspell_cli.config.resolved import Resolved


def load(
    options: Mapping[str, Any],
    start: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Resolve the settings for a spell's file, or for the current folder.

    `start` is the spell or a folder; `options` are the command's, as in `resolve`.

    Raises:
        ConfigurationError: a file or a variable is wrong; it names file, line and key.
    """
    environ = os.environ if environ is None else environ
    return resolve(options, environ, project(find_project(start), environ), user(environ))


def project(path: str | None, environ: Mapping[str, str]) -> ConfigFile | None:
    """Read a project's file, and whether the user trusts it.

    Raises:
        ConfigurationError: it is wrong.
    """
    content = None if path is None else read(path)
    if content is None:
        return None
    from msgspec.structs import replace

    from llmspell_cli.config.reader import parse
    from llmspell_cli.config.trusted import CHANGED, TRUSTED, status

    parsed = parse(content.path, content.data, foreign=content.foreign)
    found = status(content.path, content.data, environ)
    remark = "has changed since you trusted it" if found == CHANGED else parsed.remark
    return replace(parsed, trusted=found == TRUSTED, remark=remark)


def user(environ: Mapping[str, str]) -> ConfigFile | None:
    """Read the user's own file.

    Raises:
        ConfigurationError: it is wrong.
    """
    path = user_file(environ)
    content = None if path is None else read(path)
    if content is None:
        return None
    from llmspell_cli.config.reader import parse

    return parse(content.path, content.data, trusted=True)
