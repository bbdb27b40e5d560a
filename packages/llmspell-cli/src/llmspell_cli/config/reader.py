"""From a file's bytes to checked settings; mistakes name file, line and key."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_cli.config.files import shown
from llmspell_core.errors import ConfigurationError
from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from llmspell_cli.config.toml_lines import Path

_SHOWN_LENGTH = 60


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """A checked file: the value and the line of each setting, by its path.

    `trusted` is True for the user's own file; a project's is at first not. `remark` says why.
    """

    path: str
    values: dict[tuple[str, ...], Any]
    lines: dict[tuple[str, ...], int]
    trusted: bool = False
    foreign: bool = False
    remark: str = "is not trusted"

    def source(self, path: Path) -> str:
        """Say where a setting stands: ``llmspell.toml:12``."""
        from llmspell_cli.config.toml_lines import line_of

        return f"{shown(self.path)}:{line_of(self.lines, path)}"


def parse(path: str, data: bytes, *, trusted: bool = False, foreign: bool = False) -> ConfigFile:
    """Check a configuration file's content.

    Raises:
        ConfigurationError: it is not UTF-8, not TOML, or holds what the schema does not know.
    """
    reader = Reader(path, _text(path, data))
    reader.read()
    return ConfigFile(
        path=path, values=reader.values, lines=reader.lines, trusted=trusted, foreign=foreign
    )


def dotted(path: Path) -> str:
    """Write a setting's path as TOML does: ``models."claude-3.5"``."""
    quoted = (f'"{p}"' if p.isprintable() else f'"{ascii(p)[1:-1]}"' for p in path)
    return ".".join(
        p if re.fullmatch(r"[A-Za-z0-9_-]+", p) else q for p, q in zip(path, quoted, strict=True)
    )


def _text(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"the configuration is not UTF-8 text (byte 0x{data[error.start]:02x})"
        raise ConfigurationError(f"{path}:{line}: {what}", file=path, line=line) from None


class Reader:
    """Reads one file, section by section: msgspec does not say under which name an entry is."""

    def __init__(self, path: str, text: str) -> None:
        """Parse the text; nothing of it is checked yet."""
        from llmspell_cli.config.toml_lines import TooDeepError, key_lines

        self.path = path
        self.values: dict[tuple[str, ...], Any] = {}
        try:
            self.lines = key_lines(text)
        except TooDeepError as error:
            raise self.at_line(f"the configuration holds {error}", error.line) from None
        self.data = self.toml(text)

    def toml(self, text: str) -> dict[str, Any]:
        """Parse the text, or say where it is no TOML."""
        import tomllib

        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            where = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(where[1]) if where else text.count("\n") + 1
            what = re.sub(r" \(at .*\)", "", str(error))
            raise self.at_line(f"the configuration is not TOML: {what}", line) from None
        except RecursionError:
            raise self.at_line("the configuration is nested too deeply", 1) from None
        except ValueError:  # Python refuses integers of more than 4300 digits
            raise self.at_line("the configuration holds a number that is too long", 1) from None

    def read(self) -> None:
        """Check all sections, and keep their values."""
        from llmspell_cli.config.schema import NAMED, TABLES

        for section, content in self.data.items():
            if section in TABLES:
                self.table((section,), content, TABLES[section])
            elif section in NAMED:
                self.named(section, content, NAMED[section])
            else:
                known = nearest(section, [*NAMED, *TABLES])
                raise self.error(f"unknown section `{dotted((section,))[:200]}`{known}", (section,))

    def named(self, section: str, content: Any, kind: Any) -> None:
        """Check a section whose keys somebody chose."""
        from llmspell_cli.config import mcp, tools
        from llmspell_cli.config.schema import Name

        if not isinstance(content, dict):
            raise self.wrong((section,), content, "a table")
        for name, value in content.items():
            path = (section, name)
            try:
                msgspec.convert(name, Name)
            except msgspec.ValidationError:
                text = f"bad name {name[:_SHOWN_LENGTH]!r} in `{section}`: expected 1 to 200 characters"
                raise self.error(f"{text}, none of them a control character", path) from None
            if section == "models":
                self.values[path] = self.convert(path, value, kind)
            elif section == "tools":
                tools.read(self, path, value)
            else:
                self.table(path, value, kind)
                if section == "mcp":
                    mcp.check(self, path, value)

    def table(self, path: Path, content: Any, kind: type[msgspec.Struct]) -> None:
        """Check a table, and keep its values."""
        if not isinstance(content, dict):
            raise self.wrong(path, content, self.expected(path))
        checked = self.convert(path, content, kind)
        for key in content:
            value = getattr(checked, key)
            self.values[*path, key] = self.meaning((*path, key), value)

    def convert(self, path: Path, value: Any, kind: Any) -> Any:
        """Check a value, or say in our words what msgspec found."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise self.explained(str(error), path, value) from None

    def explained(self, message: str, path: Path, value: Any) -> ConfigurationError:
        """Say in our words what msgspec found, and where."""
        what, _, where = message.replace("`key` in `$", "`$").partition(" - at `$")
        for key in re.findall(r"\.(\w+)|\[(\d+)\]", where):
            if key[0]:
                path, value = (*path, key[0]), value[key[0]]
            else:
                value = value[int(key[1])]
        named = re.search(r"(unknown|missing required) field `(.*)`", what, re.DOTALL)
        if named is None:
            return self.wrong(path, value, self.expected(path))
        key_path = (*path, named[2])
        if named[1] != "unknown":
            return self.error(f"`{dotted(path)}` lacks `{named[2]}`", path)
        text = f"unknown key `{dotted(key_path)[:200]}`{nearest(named[2][:200], self.keys(path))}"
        return self.error(text, key_path)

    @staticmethod
    def keys(path: Path) -> list[str]:
        """Name the keys that a table takes."""
        from llmspell_cli.config import schema

        if path[-1] in ("api_key", "checkpoints", "env", "headers"):
            return schema.field_names(schema.ApiKey)
        return schema.field_names(schema.TABLES.get(path[0]) or schema.NAMED[path[0]])

    @staticmethod
    def expected(path: Path) -> str:
        """Say what a key takes."""
        from llmspell_cli.config.schema import expected

        if path[2:3] == ("api_key",) and len(path) > 3:  # noqa: PLR2004 - a key of that table
            return "text"
        named = path[0] in ("models", "providers", "prices", "mcp", "tools")
        return expected(path[0], path[2] if named and len(path) > 2 else "" if named else path[-1])  # noqa: PLR2004 - section, name, key

    def meaning(self, path: Path, value: Any) -> Any:
        """Turn what a file says into what it means here."""
        if value == "none":
            return None
        if (
            path[0] == "permissions"
            and path[1] in ("read", "write")
            and not isinstance(value, bool)
        ):
            return tuple(self.beside(it) for it in value)
        if path[0] == "mcp":
            from llmspell_cli.config import mcp

            return mcp.meaning(self, path, value)
        if path[0] == "workflow":
            from llmspell_cli.config import workflow

            return workflow.meaning(self, path, value)
        if path[0] == "providers" and path[2] == "base_url":
            self.check_address(path, value)
        if path[0] == "providers" and path[2] == "api_key":
            return self.checked_key(path, value)
        return value

    def beside(self, name: str) -> str:
        """Resolve a path from where the file lies, not from where somebody happens to be."""
        if name == "*":
            return name
        full = os.path.join(os.path.dirname(self.path), os.path.expanduser(name))  # noqa: PTH111, PTH118, PTH120 - pathlib costs 5 ms
        return os.path.normpath(full)

    def check_address(self, path: Path, value: str) -> None:
        """Refuse what is no address, or holds a password."""
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(value)
            port_and_host = parts.port, parts.hostname
        except ValueError:
            raise self.wrong(path, value, self.expected(path), show=False) from None
        if parts.username is not None or parts.password is not None:
            text = f"`{dotted(path)}` holds a user or a password: a key belongs in `api_key`"
            raise self.error(text, path)
        if parts.scheme not in ("http", "https") or not port_and_host[1] or re.search(r"\s", value):
            raise self.wrong(path, value, self.expected(path), show="@" not in value)

    def checked_key(self, path: Path, key: Any) -> Any:
        """Take one place of a key."""
        places = [it for it in ("env", "keyring", "file") if getattr(key, it) is not msgspec.UNSET]
        name = dotted(path)
        if len(places) != 1:
            found = " and ".join(places) or "none"
            raise self.error(f"`{name}` needs one of env, keyring and file, got {found}", path)
        if key.user is not msgspec.UNSET and places != ["keyring"]:
            raise self.error(f"`{name}.user` goes with keyring alone", (*path, "user"))
        if places == ["file"]:
            return msgspec.structs.replace(key, file=self.beside(key.file))
        return key

    def wrong(
        self, path: Path, value: Any, expected: str, *, show: bool = True
    ) -> ConfigurationError:
        """Make the error of a value; what may be a key is not shown."""
        secret = not show or not {"api_key", "env", "headers"}.isdisjoint(path[2:])
        got = "something else" if secret else describe(value)
        return self.error(f"bad value of `{dotted(path)}`: expected {expected}, got {got}", path)

    def error(self, text: str, path: Path) -> ConfigurationError:
        """Make an error at a setting's line."""
        from llmspell_cli.config.toml_lines import line_of

        return self.at_line(text, line_of(self.lines, path), dotted(path)[:200])

    def at_line(self, text: str, line: int, key: str | None = None) -> ConfigurationError:
        """Make an error at a line."""
        where = shown(self.path)
        return ConfigurationError(f"{where}:{line}: {text}", file=where, line=line, key=key)


def describe(value: Any) -> str:
    """Say what a TOML value is: ``text "abc"``, ``integer -1``, ``a list``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if len(value) > _SHOWN_LENGTH:
            return f"text of {len(value)} characters"
        return f'text "{value}"' if value.isprintable() else f"text {value!r}"
    if isinstance(value, (int, float)):
        name = "integer" if isinstance(value, int) else "number"
        return f"{name} {value:g}" if isinstance(value, float) else f"{name} {str(value)[:40]}"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"
