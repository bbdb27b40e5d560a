"""Granting for good: what the user answered with ``always``, written into the project's file.

The file is trusted anew with what was written. So it must have been trusted before, or not have
been there: nobody says yes to the rest of a file by saying yes to one name.
"""

# as in the other files of the configuration:
# ruff: noqa: PTH100, PTH105, PTH108, PTH109, PTH111, PTH112, PTH116, PTH118, PTH120

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from llmspell_bridges.policy.network import parse_grant
from llmspell_cli.config.files import PROJECT_FILE, find_project, read, shown
from llmspell_cli.config.loading import user
from llmspell_cli.config.precedence import resolve
from llmspell_cli.config.reader import parse
from llmspell_cli.config.toml_edit import added, put
from llmspell_cli.config.trusted import CHANGED, TRUSTED, remember, status
from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmspell_core.asking import Want


def project_file(start: str | None) -> str:
    """Name the file of the project that `start` belongs to, whether it exists or not.

    Where there is none yet, it is beside the spell: a folder further up would be granted for every
    spell below it.
    """
    found = find_project(start)
    if found is not None:
        return found
    folder = os.path.realpath(start or os.getcwd())
    return os.path.join(folder if os.path.isdir(folder) else os.path.dirname(folder), PROJECT_FILE)


def grant_always(
    wants: Iterable[Want], start: str | None, environ: Mapping[str, str] | None = None
) -> str:
    """Write grants into the project's file, trust it as it is then, and return its path.

    Raises:
        ConfigurationError: the file is not trusted, cannot be changed, or cannot hold this; or what
            a header declares is no name of a host.
    """
    environ = os.environ if environ is None else environ
    path = project_file(start)
    content = read(path)
    if content is not None:
        _check_trusted(path, status(path, content.data, environ))
    before = b"" if content is None else content.data
    theirs = replace(parse(path, before), trusted=True)
    held = resolve({}, {}, theirs, user(environ)).permissions
    grants: dict[str, Any] = {}
    for want in wants:
        name = want.name if want.name is None else whole(want.effect, want.name)
        if want.effect == "net" and name is not None:
            parse_grant(name)
        if not held.allows(want.effect, name):
            held = held.granting(want.effect, name)
            grants[want.effect] = getattr(held, want.effect)
    if not grants:
        text = "the configuration grants it already, but an option or a variable takes it away"
        raise ConfigurationError(text, file=path)
    after = _edited(path, before, grants)
    _write(path, after, new=content is None)
    remember(path, after, environ)
    return path


def _check_trusted(path: str, found: str) -> None:
    if found == TRUSTED:
        return
    from shlex import quote

    why = "has changed since you trusted it" if found == CHANGED else "is not trusted"
    text = f"{shown(path)} {why}; look at it, then run `llmspell trust {quote(path)}`"
    raise ConfigurationError(text, file=path)


def whole(effect: str, name: str) -> str:
    """Write a path from its root; other names are what they are."""
    if effect not in ("read", "write"):
        return name
    return os.path.abspath(os.path.expanduser(name))


def _edited(path: str, before: bytes, grants: Mapping[str, Any]) -> bytes:
    """Put the grants into the file's text, and check that it says that and nothing else."""
    old = parse(path, before)
    expected = dict(old.values)
    text = before.decode("utf-8-sig")
    try:
        for effect, grant in grants.items():
            key = ("permissions", effect)
            expected[key] = grant
            if grant is True:
                text = put(text, key, "true")
            else:
                held = old.values.get(key) or ()
                new = [it for it in dict.fromkeys(grant) if it not in held]
                expected[key] = (*held, *new)
                text = added(text, key, [_beside(path, effect, name) for name in new])
        after = (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode()
        said = parse(path, after).values
    except (ConfigurationError, ValueError):
        said = {}
    if said != expected:
        names = ", ".join(grants)
        text = f"{shown(path)} is written in a way that is not changed here: add {names} to its [permissions]"
        raise ConfigurationError(text, file=path)
    return after


def _beside(path: str, effect: str, name: str) -> str:
    """Write a path as it is read from the file: relative where it lies in the project."""
    if effect not in ("read", "write"):
        return name
    relative = os.path.relpath(name, os.path.dirname(path))
    if relative == os.pardir or relative.startswith(os.pardir + os.sep):
        return name
    return f"./{relative}" if relative.startswith(("~", "*")) else relative


def _write(path: str, data: bytes, *, new: bool) -> None:
    """Replace the file as a whole, or make it where there is none."""
    real = os.path.realpath(path)
    temporary = f"{real}.{os.urandom(8).hex()}.tmp"
    try:
        mode = 0o644 if new else os.stat(real).st_mode & 0o777
        with open(temporary, "xb", opener=lambda p, flags: os.open(p, flags, mode)) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if new:
                    os.link(temporary, path)  # fails where somebody has made one meanwhile
                else:
                    os.replace(temporary, real)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"cannot write {shown(path)}: {what}", file=path) from None
