"""What a worker asks of an engine: the `Guest` protocol, and finding one by its import spec."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Protocol, TypeAlias

    Emit: TypeAlias = Callable[[int, int, bytes], None]

    class Guest(Protocol):
        """The engine's side of a worker, see `docs/protocol.md`, "Guest interface"."""

        engine: str
        version: str

        def put(self, kind: int, id: int, payload: bytes, clock_ms: int, /) -> None:
            """Deliver one message and run the engine until nothing is ready."""

        def close(self) -> None:
            """Let go of the engine."""

    GuestFactory: TypeAlias = Callable[[Emit, "int | None"], Guest]


def load(spec: str) -> tuple[ModuleType, GuestFactory]:
    """Import ``package.module:Class``; return the module and the class.

    Raises:
        ImportError: there is no such module or class.
    """
    module_name, _, class_name = spec.partition(":")
    module = None
    while module is None:
        # raises where it fails here; where it failed in a thread that was waited for, it returns
        __import__(module_name)
        module = sys.modules.get(module_name)
    factory = getattr(module, class_name, None)
    if factory is None:
        text = f"no guest {class_name!r} in {module_name}"
        raise ImportError(text)
    return module, factory


def preload(spec: str, *, forks: bool = False) -> GuestFactory:
    """Import a guest and let its module prepare whatever every worker can share.

    With `forks`, that is an engine as well, where it survives a fork: each child may use its copy once.
    """
    module, factory = load(spec)
    prepare = getattr(module, "preload", None)
    if prepare is not None:
        prepare()
    ahead = getattr(module, "make_ahead", None) if forks else None
    if ahead is not None:
        factory = ahead()
    return factory
