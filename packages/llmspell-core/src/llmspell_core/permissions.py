"""What a run may touch: deny by default, granted by effect and by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import PermissionDeniedError

if TYPE_CHECKING:
    from typing import Self

EFFECTS = ("read", "write", "net", "env", "model", "tool", "mcp")

_WHAT = {
    "read": "reading {}",
    "write": "writing {}",
    "net": "reaching {}",
    "env": "the environment variable {}",
    "model": "the model {}",
    "tool": "the tool {}",
    "mcp": "the MCP server {}",
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
    mcp: bool | tuple[str, ...] = False
    model: bool | tuple[str, ...] = True

    @classmethod
    def everything(cls) -> Permissions:
        """Grant every effect: for code you trust as your own."""
        return Permissions(**dict.fromkeys(EFFECTS, True))

    def allows(self, effect: str, name: str | None = None) -> bool:
        """Say whether `effect` is granted, for `name` where one is given, else at all."""
        grant = getattr(self, effect)
        if isinstance(grant, bool):
            return grant
        return bool(grant) if name is None else any(covers(effect, it, name) for it in grant)

    def some(self, effect: str) -> bool:
        """Say whether anything of `effect` is granted, whatever it is."""
        return all(getattr(layer, effect) for layer in self.layers())

    def granting(self, effect: str, name: str | None) -> Self:
        """Return these with `name` granted too; None is all of the effect."""
        grant = getattr(self, effect)
        if grant is True:
            return self
        more = True if name is None else (*(grant or ()), name)
        return msgspec.structs.replace(self, **{effect: more})

    def layers(self) -> tuple[Permissions, ...]:
        """List the grants that each have to allow what is done: more than one under a policy."""
        return (self,)

    def vetoed(self, effect: str, name: str | None) -> bool:  # noqa: ARG002 - for a policy
        """Say whether a policy forbids what the grants allow."""
        return False


def covers(effect: str, grant: str, name: str) -> bool:
    """Say whether one granted name is `name`, or holds it.

    Files: a path and all below it, by its text alone; what opens files asks `PathPolicy` of the
    bridges, which knows links. Hosts: without a port, all ports. Elsewhere, and in hosts, ``*``
    stands for any text.
    """
    if grant == name:
        return True
    if effect in ("read", "write"):
        # no pathlib on the start path
        folder, path = os.path.abspath(os.path.expanduser(grant)), os.path.abspath(name)  # noqa: PTH100, PTH111
        return path == folder or path.startswith(folder.rstrip("/") + "/")
    if effect == "net" and _without_port(grant) == grant:
        name = _without_port(name)
    if "*" not in grant:
        return grant == name
    from fnmatch import fnmatchcase

    return fnmatchcase(name, grant)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    bare = bool(colon) and port.isdigit() and (":" not in name or name.endswith("]"))
    return name.removeprefix("[").removesuffix("]") if bare else host


def denied(
    effect: str, name: str | None = None, *, where: str | None = None
) -> PermissionDeniedError:
    """Make the refusal of `effect`, naming the flag that would grant it."""
    flag = f"--allow-{effect}" + (f"={name}" if name else "")
    what = f"`{where}`" if where else _WHAT[effect].format(f"`{name}`" if name else "anything")
    error = PermissionDeniedError(f"{what} is not permitted; allow it with {flag}", flag=flag)
    error.wants = ((effect, name),)
    return error
