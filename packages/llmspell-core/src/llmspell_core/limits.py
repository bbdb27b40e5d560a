"""How much of the machine one run may use."""

from __future__ import annotations

import msgspec

from llmspell_core.errors import ConfigurationError, LimitError, ScriptTimeoutError

MIB = 1024 * 1024

OPTIONS = {
    "timeout": "--timeout",
    "cpu": "--cpu",
    "memory": "--memory",
    "result": "--max-result",
    "log": "--max-log",
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one run; None is unlimited. Times are seconds, sizes bytes.

    `timeout_s` is wall clock, `cpu_s` processor time of the worker, `memory_bytes` what the
    spell may allocate beyond an idle worker, `result_bytes` and `log_bytes` what it may return
    and print, `calls_in_flight` how many host calls it may have open, `callback_nesting` how
    deep callbacks may call callbacks, `handles` how many host objects it may hold.
    """

    timeout_s: float | None = 300.0
    cpu_s: float | None = 60.0
    memory_bytes: int | None = 128 * MIB
    result_bytes: int = 10 * MIB
    log_bytes: int = 10 * MIB
    calls_in_flight: int = 64
    callback_nesting: int = 16
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


def show_bytes(count: float) -> str:
    """Write a size as people do: ``128 MiB``, ``10.5 KiB``."""
    for unit, size in (("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count:.0f} bytes"


def limit_error(limit: str, value: float | None) -> LimitError:
    """Make the error of a limit that was hit: which one, its value, how to raise it."""
    option = OPTIONS.get(limit)
    remedy = f"; raise it with {option}" if option else ""
    if limit == "timeout":
        text = f"the spell ran longer than {value:g} s{remedy}"
        return ScriptTimeoutError(text, limit=limit, value=value, option=option)
    if limit == "cpu":
        text = f"the spell used more than {value:g} s of processor time{remedy}"
    elif limit in ("memory", "result", "log"):
        what = {"memory": "used", "result": "returned", "log": "printed"}[limit]
        text = f"the spell {what} more than {show_bytes(value or 0)}{remedy}"
    else:
        text = f"the spell hit the limit `{limit}` of {value:g}{remedy}"
    return LimitError(text, limit=limit, value=value, option=option)
