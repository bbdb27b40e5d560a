"""What a bridge's examples need around them, and the ways in which its library can fail or wait."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from llmspell_testkit.bridge.lab import Run

Prepare: TypeAlias = "Callable[[Run], Awaitable[None]]"
Broken: TypeAlias = "Callable[[BridgeWorld], AbstractContextManager[Any]]"


class BridgeWorld(msgspec.Struct, frozen=True, kw_only=True):
    """The surroundings in which a bridge's examples run: a server, files, other bridges' objects.

    `settings` are added to the contract's. `stand_ins` replace texts wherever they stand in an
    example: an address on the internet by one on this machine; `stand_ins_of` are a single method's,
    by its id. `prepare` is awaited at the start
    of each run, so that a run finds what the one before may have used up. `secrets` are texts of
    the settings that no script may see, `own` files and folders that the settings make the bridge's
    own, such as a cache: using them is no effect. `function` is what the script's functions in
    examples do, instead of returning their argument. `data` is your own, for `Fault` and `Slow`.
    """

    settings: Mapping[str, Any] = {}
    stand_ins: Mapping[str, str] = {}
    stand_ins_of: Mapping[str, Mapping[str, str]] = {}
    prepare: Prepare | None = None
    secrets: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    function: Callable[..., Any] | None = None
    data: Any = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A way to make the library fail.

    `method` is the one whose example is run meanwhile (``agent:run`` for one of a handle), None is
    opening the bridge. `broken` is entered around it. `kind` is that of the error a script must
    then get; None is any kind but ``internal``. `args` take the place of the example's.
    """

    method: str | None
    broken: Broken | None = None
    kind: str | None = None
    args: Mapping[str, Any] | None = None


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for its library until it is cancelled.

    `args` are added to the example's. `reached` says whether the library is waiting now; without
    it the call is given a moment to get there. `released` says whether the library has noticed
    that nobody waits any more. `broken` is entered around the call.
    """

    args: Mapping[str, Any] = {}
    broken: Broken | None = None
    reached: Callable[[BridgeWorld], bool] | None = None
    released: Callable[[BridgeWorld], bool] | None = None


def stood_in(value: Any, stand_ins: Mapping[str, str]) -> Any:
    """Copy an example, with every text that has a stand-in replaced by it."""
    if isinstance(value, str):
        for text, instead in stand_ins.items():
            value = value.replace(text, instead)
        return value
    if isinstance(value, (list, tuple)):
        return [stood_in(item, stand_ins) for item in value]
    if isinstance(value, dict):
        return {key: stood_in(item, stand_ins) for key, item in value.items()}
    return value
