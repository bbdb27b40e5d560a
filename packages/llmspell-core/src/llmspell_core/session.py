"""One run: its bridges, permissions, budget, handles and callbacks, and the end of them all."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from llmspell_core.bridge import Bridge, Callback
from llmspell_core.budget import Ledger
from llmspell_core.errors import InternalError, LlmspellError, PermissionDeniedError
from llmspell_core.handles import CLOSE_TIMEOUT_S, HandleTable
from llmspell_core.limits import Limits
from llmspell_core.permissions import Permissions
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from llmspell_core.asking import Ask, Asking
    from llmspell_core.header import Header
    from llmspell_core.policy import Policies
    from llmspell_core.values import Value

    LogSink = Callable[[str, str], None]
    Invoker = Callable[[int, Sequence[Value]], Awaitable[Value]]
    Recorder = Callable[[dict[str, Any]], None]

T = TypeVar("T")

_LOG_BYTES = 16
"""What each print counts beside its text: empty ones are no less work for who shows them."""


class Session:
    """Everything one run of a spell has on the host's side.

    An engine gives it to `llmspell_core.dispatch.call` for each call of the script, sets
    `invoker` if it can run the script's callbacks, and leaves closing to whoever made it.
    """

    def __init__(
        self,
        *,
        name: str = "spell",
        bridges: Mapping[str, Bridge] | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
        ledger: Ledger | None = None,
        env: Mapping[str, str] | None = None,
        includes: Mapping[str, Mapping[str, str]] | None = None,
        seed: int | None = None,
        clock_ms: int | None = None,
        on_log: LogSink | None = None,
        recorder: Recorder | None = None,
        options: Mapping[str, Any] | None = None,
        stdin: AsyncIterator[str] | None = None,
        ask: Ask | None = None,
        policies: Policies | None = None,
        header: Header | None = None,
        file: str | None = None,
    ) -> None:
        """Prepare a run; `seed` and `clock_ms` (Unix time) are fresh unless given.

        `settings` are the host's, by bridge: a tool needs those of bridges that its spell never
        names. `stdin` gives the lines that ``console.lines()`` reads. `ask` is asked before
        something is refused; `policies` narrow the permissions; `header` and `file` are the
        spell's.
        """
        self.name = name
        self.file = file
        self.header = header
        self.policies = policies
        self._ask = ask
        self._asking: Asking | None = None
        self._granted = permissions or Permissions()
        self.permissions = self._narrowed(self._granted)
        self._holds = 0
        self.on_hold: list[Callable[[bool], None]] = []
        self.bridges = dict(bridges or {})
        self.settings = settings or {}
        self.limits = limits or Limits()
        self.ledger = ledger or Ledger()
        self.env = dict(env or {})
        self.includes = dict(includes or {})
        self.seed = int.from_bytes(os.urandom(8), "big") >> 1 if seed is None else seed
        self.clock_ms = time.time_ns() // 1_000_000 if clock_ms is None else clock_ms
        self.options = dict(options or {})
        self.stdin = stdin
        self.handles = HandleTable(self.limits.handles)
        self.invoker: Invoker | None = None
        self.recorder = recorder
        self.fatal: LlmspellError | None = None
        self.on_fatal: Callable[[LlmspellError], None] | None = None
        self.closed = False
        self._on_log = on_log
        self._log_bytes = 0
        self._active_callbacks = 0
        self._run_bridges: dict[str, Bridge] = {}
        self._opening = asyncio.Lock()

    def manifest(self) -> dict[str, Any]:
        """Describe the bridges to a guest."""
        return {name: bridge.manifest() for name, bridge in self.bridges.items()}

    def log(self, level: str, text: str) -> None:
        """Show what the spell printed; past the limit the run fails, and nothing is shown."""
        self._log_bytes += _LOG_BYTES + (
            len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        )
        if self._log_bytes > self.limits.log_bytes:
            self.fail(self.limits.exceeded("log"))
            return
        if self._on_log is not None:
            self._on_log(level, redactor.text(text))

    def fail(self, error: LlmspellError) -> None:
        """End the run with `error`, whatever the script catches; the first error stays."""
        if self.fatal is None:
            self.fatal = error
            if self.on_fatal is not None:
                self.on_fatal(error)

    # -- permissions that are asked for ---------------------------------------------------

    @property
    def asking(self) -> Asking | None:
        """The run's questions; None where there is nobody to ask."""
        if self._asking is None and self._ask is not None:
            from llmspell_core.asking import Asking  # what is granted needs no question

            self._asking = Asking(self, self._ask)
        return self._asking

    async def permitted(self, work: Callable[[], Awaitable[T]], where: str) -> T:
        """Await `work()`; when it is refused, have it granted by who can, and await it again.

        `work` must change nothing before it is permitted; `where` is the method, such as
        ``fs.read``.

        Raises:
            PermissionDeniedError: `work` did, and nobody granted it.
        """
        while True:
            seen = self.permissions
            try:
                return await work()
            except PermissionDeniedError as refused:
                if self.asking is None:
                    raise
                await self.asking.grant(refused, where, seen)

    def permissions_with(self, more: Iterable[tuple[str, str | None]]) -> Permissions:
        """Return what would be permitted with `more` granted too, by effect and name."""
        granted = self._granted
        for effect, name in more:
            granted = granted.granting(effect, name)
        return self._narrowed(granted)

    def grant(self, more: Iterable[tuple[str, str | None]]) -> None:
        """Grant `more` for the rest of the run, as far as the policies let it."""
        for effect, name in more:
            self._granted = self._granted.granting(effect, name)
        self.permissions = self._narrowed(self._granted)

    def _narrowed(self, granted: Permissions) -> Permissions:
        return granted if self.policies is None else self.policies.permissions(granted)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Stop the run's wall clock within the block: a person is thinking."""
        self._hold(1)
        try:
            yield
        finally:
            self._hold(-1)

    def _hold(self, more: int) -> None:
        before, self._holds = self._holds, self._holds + more
        if bool(before) != bool(self._holds):
            for tell in list(self.on_hold):
                tell(bool(self._holds))

    @contextmanager
    def pausing(self, clock: asyncio.Timeout) -> Iterator[None]:
        """Let a time out that was entered stand still within the block, whenever the run's does."""
        loop = asyncio.get_running_loop()
        left_s: float | None = None

        def hold(held: bool) -> None:  # noqa: FBT001 - what `on_hold` is called with
            nonlocal left_s
            when = clock.when()
            if held and when is not None and not clock.expired():
                left_s = when - loop.time()
                clock.reschedule(None)
            elif not held and left_s is not None:
                clock.reschedule(loop.time() + left_s)

        if self._holds:
            hold(held=True)
        self.on_hold.append(hold)
        try:
            yield
        finally:
            self.on_hold.remove(hold)

    # -- the script's functions -----------------------------------------------------------

    def callback(self, number: int, name: str) -> Callback:
        """Make the script's function of a number callable for bridges."""
        return Callback(number, name, self._invoke)

    async def _invoke(self, number: int, args: Sequence[Value]) -> Value:
        if self.invoker is None or self.closed:
            text = "this engine cannot run the script's functions now"
            raise InternalError(text)
        if self._active_callbacks >= self.limits.callbacks_at_once:
            error = self.limits.exceeded("callbacks_at_once")
            # now: the library that called the function may catch what is raised
            self.fail(error)
            raise error
        self._active_callbacks += 1
        try:
            return await self.invoker(number, args)
        finally:
            self._active_callbacks -= 1

    async def bridge(self, name: str) -> Bridge:
        """Find a bridge by name; those of scope ``run`` are opened for this run on first use."""
        shared = self.bridges[name]
        if shared.scope != "run":
            return shared
        async with self._opening:
            own = self._run_bridges.get(name)
            if own is None:
                own = shared.for_run(self)
                await own.open()
                self._run_bridges[name] = own
            return own

    async def close(self) -> None:
        """Close every handle and every bridge of this run, newest first; never fails."""
        self.closed = True
        failed = await self.handles.close()
        for bridge in reversed(self._run_bridges.values()):
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await bridge.close()
            except Exception as error:  # noqa: BLE001 - the others must still be closed
                failed.append(error)
        self._run_bridges.clear()
        self.invoker = None
        for failure in failed:
            self.record({"event": "close_failed", "error": repr(failure)})

    def record(self, event: dict[str, Any]) -> None:
        """Hand one event to the recorder, if there is one, without the host's keys."""
        if self.recorder is not None:
            self.recorder(redactor.value(event, foreign="error" in event))
