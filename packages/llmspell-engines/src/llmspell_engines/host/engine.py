"""`WorkerEngine`: a script engine whose guest runs in workers. A language adds its guest."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

from llmspell_core.engine import EngineConfig, ScriptEngine
from llmspell_core.errors import LimitError, UnsupportedError
from llmspell_core.isolation import lock_required, without_lock
from llmspell_core.limits import Limits
from llmspell_core.session import Session
from llmspell_core.values import DEFAULT_BOUNDS
from llmspell_engines.codec import encode
from llmspell_engines.host import undumpable
from llmspell_engines.host.launch import make_launcher
from llmspell_engines.host.pool import Pool
from llmspell_engines.host.run import Run
from llmspell_engines.host.worker import WorkerStartError
from llmspell_engines.protocol import START, VALIDATE

if TYPE_CHECKING:
    from llmspell_core.isolation import IsolationReport
    from llmspell_core.values import Value
    from llmspell_engines.host.worker import Worker

_NOT_INSTALLED = "ImportError: "
VALIDATION = Limits(timeout_s=10.0, cpu_s=10.0)


class WorkerEngine(ScriptEngine):
    """Runs each script in a worker of its own.

    `guest` is the import spec of its `Guest`, such as ``llmspell_engines.lua.guest:LuaGuest``.
    """

    guest: ClassVar[str]
    isolates = True

    def __init__(self, config: EngineConfig | None = None) -> None:
        """Prepare the workers; none is started yet."""
        super().__init__(config)
        self._pool: Pool | None = None
        self._guarded = False
        self._warned = False

    async def start(self) -> None:
        """Start the zygote; it gets ready while the caller goes on."""
        zygote = not self.config.one_shot
        launcher = make_launcher(self.guest, self.config.isolation, zygote=zygote)
        memory_bytes = self._memory_bytes(self.limits)
        pool = Pool(launcher, spares=self.config.spares, memory_bytes=memory_bytes)
        self._pool = await pool.__aenter__()

    async def close(self) -> None:
        """End the zygote and every worker."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.__aexit__(None, None, None)
        if self._guarded:
            self._guarded = False
            undumpable.release()

    async def isolation(self) -> IsolationReport:
        """Ask a worker how it is kept apart."""
        worker = await self._worker(self.limits)
        worker.kill("done")
        return worker.isolation

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        """Run `script` in a fresh worker; see `ScriptEngine.run_script`."""
        start: dict[str, Any] = {
            "name": session.name,
            "source": script,
            "params": params,
            "env": session.env,
            "env_granted": _names(session.permissions.env) or [],
            "seed": session.seed,
            "clock_ms": session.clock_ms,
            "includes": {name: dict(item) for name, item in session.includes.items()},
            "bridges": session.manifest(),
            "limits": {
                "depth": DEFAULT_BOUNDS.depth,
                "nodes": DEFAULT_BOUNDS.nodes,
                "message_bytes": DEFAULT_BOUNDS.message_bytes,
                "result_bytes": session.limits.result_bytes,
                "calls_in_flight": session.limits.calls_in_flight,
            },
        }
        payload = encode(start)
        worker = await self._acquire(session.limits)
        return await Run(worker, session).execute(START, payload)

    async def check_syntax(self, script: str, name: str) -> None:
        """Compile `script` in a worker; see `ScriptEngine.check_syntax`."""
        payload = encode({"name": name, "source": script})
        worker = await self._acquire(VALIDATION)
        session = Session(name=name, limits=VALIDATION)
        try:
            await Run(worker, session).execute(VALIDATE, payload)
        except LimitError as error:
            # no option raises these: the run's own limits are not meant
            text = f"{name}: checking its syntax hit the limit `{error.limit}`, which is fixed"
            raise LimitError(text, limit=error.limit, value=error.value) from None
        finally:
            await session.close()

    async def _worker(self, limits: Limits) -> Worker:
        if self._pool is None:
            text = f"the engine `{self.name}` is not started: use `await {type(self).__name__}.create()`"
            raise UnsupportedError(text)
        try:
            return await self._pool.acquire_with(self._memory_bytes(limits))
        except WorkerStartError as error:
            # its guest's own words, from before it had seen any script
            _, found, missing = error.message.partition(_NOT_INSTALLED)
            if found:
                raise UnsupportedError(missing) from None
            raise

    async def _acquire(self, limits: Limits) -> Worker:
        """Take a worker for a script: the host closes its own memory before it sees one."""
        if not self._guarded:
            self._guarded = True
            undumpable.hold()
        worker = await self._worker(limits)
        report = worker.isolation
        if self.config.require_lock and report.level != "locked":
            worker.kill("unlocked")
            raise lock_required(report.reason)
        if self.config.isolation == "locked" and report.level != "locked" and not self._warned:
            self._warned = True
            warnings.warn(without_lock(report), stacklevel=2)
        return worker

    def _memory_bytes(self, limits: Limits) -> int | None:
        """Return the limit for a worker; at isolation ``inproc`` there can be none."""
        return None if self.config.isolation == "inproc" else limits.memory_bytes


def _names(grant: bool | tuple[str, ...]) -> bool | list[str]:  # noqa: FBT001 - a grant is both
    return list(grant) if isinstance(grant, tuple) else grant
