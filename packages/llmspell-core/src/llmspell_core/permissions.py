"""What a run may touch: deny by default, granted by effect and by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterable

EFFECTS = ("read", "write", "net", "env", "model", "tool")

_WHAT = {
    "read": "reading {}",
    "write": "writing {}",
    "net": "reaching {}",
    "env": "the environment variable {}",
    "model": "the model {}",
    "tool": "the tool {}",
}


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """Grants by effect: False is none, True is all, a tuple is those names or patterns.

    `model` is granted by default: LLM calls are what a spell is for, within its budget.
    """

    read: bool | tuple[str, ...] = False
    write: bool | tuple[str, ...] = False
    net: bool | tuple[str, ...] = False
    env: bool | tuple[str, ...] = False
    tool: bool | tuple[str, ...] = False
    model: bool | tuple[str, ...] = True

    @classmethod
    def everything(cls) -> Permissions:
        """Grant every effect: for code you trust as your own."""
        return cls(read=True, write=True, net=True, env=True, tool=True, model=True)

    def allows(self, effect: str, name: str | None = None) -> bool:
        """Say whether `effect` is granted, for `name` where one is given, else at all."""
        grant = getattr(self, effect)
        if isinstance(grant, bool):
            return grant
        return bool(grant) if name is None else matches(name, grant)

    def require(self, effect: str, name: str | None = None) -> None:
        """Let it pass or refuse it.

        Raises:
            PermissionDeniedError: its `flag` is the command-line option that grants it.
        """
        if not self.allows(effect, name):
            raise denied(effect, name)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Say whether `name` is one of `patterns`, where ``*`` stands for any text."""
    for pattern in patterns:
        if pattern == name:
            return True
        if "*" in pattern:
            from fnmatch import fnmatchcase

            if fnmatchcase(name, pattern):
                return True
    return False


def denied(
    effect: str, name: str | None = None, *, where: str | None = None
) -> PermissionDeniedError:
    """Make the refusal of `effect`, naming the flag that would grant it."""
    flag = f"--allow-{effect}" + (f"={name}" if name else "")
    what = f"`{where}`" if where else _WHAT[effect].format(f"`{name}`" if name else "anything")
    text = f"{what} is not permitted; allow it with {flag}"
    return PermissionDeniedError(text, flag=flag)
