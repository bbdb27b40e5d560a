"""The wall clock of one run, which stands still while a person is asked something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class WallClock:
    """Calls `on_end` once the run has had its time, but for the time that it was held."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float | None,
        on_end: Callable[[], None],
        on_left: Callable[[float | None], None],
    ) -> None:
        """Start it; None is a clock that never ends.

        `on_left` is told how many seconds are left from now on, and None when it does not run: for
        whoever holds the run to its time while the loop is busy.
        """
        self._loop = loop
        self._on_end = on_end
        self._on_left = on_left
        self._left_s = timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self.hold(held=False)

    def hold(self, held: bool) -> None:  # noqa: FBT001 - what `Session.on_hold` is called with
        """Stop it, or let it go on with what is left."""
        if self._timer is not None:
            self._left_s = max(0.0, self._timer.when() - self._loop.time())
            self._timer.cancel()
            self._timer = None
        if not held and self._left_s is not None:
            self._timer = self._loop.call_later(self._left_s, self._on_end)
        self._on_left(None if held else self._left_s)

    def end(self) -> None:
        """Stop it for good."""
        self.hold(held=True)
