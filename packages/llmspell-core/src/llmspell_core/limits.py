"""How much of the machine one run may use."""

from __future__ import annotations

import msgspec

from llmspell_core.errors import ConfigurationError, LimitError, ScriptTimeoutError

MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one run; None is unlimited. Times are seconds, sizes bytes.

    `timeout_s` is wall clock, `cpu_s` processor time of the worker, `memory_bytes` what the
    spell may allocate beyond an idle worker, `result_bytes` and `log_bytes` what it may return
    and print, `calls_in_flight` how many host calls it may have open (further ones wait),
    `callback_nesting` how deep callbacks may call callbacks, `callbacks_at_once` how many of them
    may be under way, `handles` how many host objects it may hold.
    """

    timeout_s: float | None = 300.0
    cpu_s: float | None = 60.0
    memory_bytes: int | None = 128 * MIB
    result_bytes: int = 10 * MIB
    log_bytes: int = 10 * MIB
    calls_in_flight: int = 64
    callback_nesting: int = 16
    callbacks_at_once: int = 1024
    handles: int = 10_000

    def __post_init__(self) -> None:
        """Refuse a limit that is not positive: None is the way to say unlimited.

        Raises:
            ConfigurationError: it names the limit and its value.
        """
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                text = f"limit `{name}` must be positive or None for unlimited, got {value!r}"
                raise ConfigurationError(text, key=name)

    def exceeded(self, limit: str) -> LimitError:
        """Make the error of one of these limits that was hit, by the name in `OPTIONS`."""
        return limit_error(limit, getattr(self, _LIMITS[limit].field))


class _Limit(msgspec.Struct, frozen=True):
    """The field of `Limits` that sets it, the command line's option, and what the spell did."""

    field: str
    option: str
    what: str


_LIMITS = {
    "timeout": _Limit("timeout_s", "--timeout", "ran longer than {} s"),
    "cpu": _Limit("cpu_s", "--cpu", "used more than {} s of processor time"),
    "memory": _Limit("memory_bytes", "--memory", "used more than {}"),
    "result": _Limit("result_bytes", "--max-result", "returned more than {}"),
    "log": _Limit("log_bytes", "--max-log", "printed more than {}"),
    "calls_in_flight": _Limit(
        "calls_in_flight", "--max-calls-in-flight", "had more than {} calls open at once"
    ),
    "callback_nesting": _Limit(
        "callback_nesting",
        "--max-callback-nesting",
        "let callbacks call callbacks more than {} levels deep",
    ),
    "callbacks_at_once": _Limit(
        "callbacks_at_once",
        "--max-callbacks-at-once",
        "had more than {} callbacks under way at once",
    ),
    "handles": _Limit("handles", "--max-handles", "held more than {} objects at once"),
}
"""By the name that an error gives the limit."""

OPTIONS: dict[str, str] = {name: limit.option for name, limit in _LIMITS.items()}
"""The option that raises each limit, by the name that an error gives it."""

FIELD_OPTIONS: dict[str, str] = {limit.field: limit.option for limit in _LIMITS.values()}
"""The option that sets each field of `Limits`."""

_FIXED: dict[str, tuple[str, str]] = {
    "unread_answers": ("left more than {} of answers unread", "read them before making more calls"),
    "arguments_in_flight": (
        "gave more than {} of arguments to calls under way at once",
        "make fewer or smaller calls at once",
    ),
}
"""Bounds that protect the host's own memory, which nothing raises: what was done, the remedy."""


def show_bytes(count: float) -> str:
    """Write a size as people do: ``128 MiB``, ``10.5 KiB``."""
    for unit, size in (("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count:.0f} bytes"


def limit_error(limit: str, value: float | None) -> LimitError:
    """Make the error of a limit that was hit: which one, its value, how to raise it.

    Without a value no limit was set, and the engine itself could not go on: V8's heap has a bound
    of its own.
    """
    if limit in _FIXED:
        what, remedy = _FIXED[limit]
        text = f"the spell {what.format(show_bytes(value or 0))}; {remedy}"
        return LimitError(text, limit=limit, value=value)
    if value is None:
        text = f"the spell used more {limit} than its engine can have"
        return LimitError(text, limit=limit)
    found = _LIMITS[limit]
    shown = show_bytes(value) if found.field.endswith("_bytes") else f"{value:,g}"
    # the field is what programs set, and its name in `llmspell.toml`
    remedy = f"raise it with {found.option} (limits.{found.field})"
    cls = ScriptTimeoutError if limit == "timeout" else LimitError
    text = f"the spell {found.what.format(shown)}; {remedy}"
    return cls(text, limit=limit, value=value, option=found.option)
