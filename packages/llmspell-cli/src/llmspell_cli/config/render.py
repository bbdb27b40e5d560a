"""Settings as people and programs read them: each value with its source, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_cli.config.reader import dotted
from llmspell_core.limits import show_bytes
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from llmspell_cli.config.resolved import Resolved

_WIDTH = 40
"""A longer value does not push the other lines' sources off the screen."""


def table(resolved: Resolved) -> str:
    """Lay the settings out as lines of key, value and source, then what has no effect."""
    rows = [
        (dotted(path), shown_value(path, setting.value), setting.source)
        for path, setting in resolved.settings.items()
    ]
    lines = _columns(rows)
    if resolved.ignored:
        left_out = [
            (dotted(it.path), shown_value(it.path, it.value), it.source) for it in resolved.ignored
        ]
        lines += ["", "Without effect, since the file is not trusted:", *_columns(left_out)]
    return "\n".join(lines)


def document(resolved: Resolved) -> dict[str, Any]:
    """Give the same for ``--json``; sizes are bytes, times seconds."""
    return {
        "settings": {
            dotted(path): {"value": plain(setting.value), "source": setting.source}
            for path, setting in resolved.settings.items()
        },
        "ignored": {
            dotted(it.path): {"value": plain(it.value), "source": it.source}
            for it in resolved.ignored
        },
        "warnings": list(resolved.warnings),
    }


def shown_value(path: tuple[str, ...], value: Any) -> str:
    """Write a value for people, in the unit of its key."""
    key = path[-1]
    if value is None:
        return "unlimited"
    if path[0] == "permissions":
        return {True: "all", False: "none", (): "none"}.get(value) or ", ".join(value)
    if path[0] in ("models", "tools"):  # each tool has units of its own
        return str(plain(value))
    if key.endswith("_bytes"):
        return show_bytes(value)
    if path[0] == "mcp" and isinstance(value, (dict, tuple)):
        pairs = value.items() if isinstance(value, dict) else ()
        return ", ".join(f"{name} = {plain(it)}" for name, it in pairs) or " ".join(value)
    unit = {"s": " s", "usd": " USD"}.get(key.rpartition("_")[2])
    return f"{value:g}{unit}" if unit else str(plain(value))


def plain(value: Any) -> Any:
    """Turn a value into what JSON can say; of a key, where it is."""
    if isinstance(value, Secret):
        return value.source
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return {key: plain(it) for key, it in value.items()}
    if hasattr(value, "keyring"):  # a key's place in a file that is not trusted
        from msgspec import UNSET

        names = value.__struct_fields__
        places = {name: getattr(value, name) for name in names if getattr(value, name) is not UNSET}
        return ", ".join(f"{name} {place}" for name, place in places.items())
    return value


def _columns(rows: list[tuple[str, str, str]]) -> list[str]:
    keys = max((len(key) for key, _, _ in rows), default=0)
    values = min(_WIDTH, max((len(value) for _, value, _ in rows), default=0))
    return [f"{key:<{keys}}  {value:<{values}}  {source}".rstrip() for key, value, source in rows]
