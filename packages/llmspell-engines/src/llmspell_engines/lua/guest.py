"""Run one spell in Lua 5.4: the engine's side of the protocol, see `docs/protocol.md`.

All that happens inside the engine is written in Lua, in `prelude/`. Python keeps two Lua
functions, `put` and `step`, and only integers and bytes cross: every other object shared
between lupa and a script has a way to crash or to escape (lupa #84, CVE-2026-34444).
"""

from __future__ import annotations

from os import path

try:
    from lupa import lua54
except ImportError as error:
    text = "Lua needs lupa: pip install 'llmspell-engines[lua]'"
    raise ImportError(text) from error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# In the order they build on one another.
PRELUDE = (
    "values",
    "errors",
    "text_record",
    "encode",
    "decode",
    "scheduler",
    "coroutines",
    "async",
    "bridges",
    "builders",
    "json_encode",
    "json_decode",
    "hash",
    "stdlib",
    "sandbox",
    "main",
)

_DONE, _FAILED = 66, 67
_STARVED = -1

# Load every part of the prelude with one shared private table; the last one returns the
# two entry functions. `python` is lupa's door to Python objects: nothing may reach it.
_BOOT = """
local load, error = load, error
python, package.loaded.python = nil, nil
local private, put, step = {}, nil, nil
return function(name, chunk)
  put, step = assert(load(chunk, "=llmspell/" .. name .. ".lua", "bt"))(private)
end, function() return put, step end
"""

_DUMP = 'function(name, source) return string.dump(assert(load(source, "=llmspell/" .. name .. ".lua", "t"))) end'

_compiled: tuple[tuple[bytes, bytes], ...] = ()


def preload() -> None:
    """Read and compile the prelude once, so that each `LuaGuest` only loads bytecode.

    The bytecode never leaves this process and its forks; scripts can load none.
    """
    global _compiled  # noqa: PLW0603 - read once per process
    if _compiled:
        return
    parts: list[tuple[bytes, bytes]] = []
    folder = path.join(path.dirname(__file__), "prelude")
    dump = lua54.LuaRuntime(encoding="latin-1").eval(_DUMP)
    for name in PRELUDE:
        with open(path.join(folder, name + ".lua"), "rb") as file:
            code = dump(name.encode(), file.read())
        parts.append((name.encode(), code.encode("latin-1")))
    # at once: at the level `inproc`, other threads look at it
    _compiled = tuple(parts)


def make_ahead() -> Callable[[Callable[[int, int, bytes], None], int | None], LuaGuest]:
    """Make an engine before a fork: each worker begins with its own copy, which nothing has used.

    Loading the prelude takes a worker a millisecond, a third of what its spell takes.
    """
    engine = _Engine()
    engine.runtime.execute("collectgarbage()")
    return lambda emit, memory_bytes: LuaGuest(emit, memory_bytes, engine=engine)


class _Engine:
    """Lua with the prelude loaded, and its two entry functions."""

    def __init__(self) -> None:
        """Make it without a limit: what the prelude itself takes is not counted."""
        preload()
        self.runtime = lua54.LuaRuntime(
            encoding="latin-1", register_eval=False, register_builtins=False, max_memory=0
        )
        load, entries = self.runtime.execute(_BOOT)
        for name, code in _compiled:
            load(name, code)
        self.put, self.step = entries()


class LuaGuest:
    """One Lua engine that runs one spell; `emit(kind, id, payload)` takes its messages."""

    engine = "lua"
    version = "Lua 5.4"

    def __init__(
        self,
        emit: Callable[[int, int, bytes], None],
        memory_bytes: int | None,
        *,
        engine: _Engine | None = None,
    ) -> None:
        """Take an unused `engine`, or make one; `memory_bytes` bounds what the spell allocates.

        None is unlimited.
        """
        engine = engine or _Engine()
        self._emit = emit
        self._memory_bytes = memory_bytes
        self._ended = False
        self._runtime: lua54.LuaRuntime | None = engine.runtime
        self._put, self._step = engine.put, engine.step
        self._total_bytes = 0
        if memory_bytes is not None:
            self._total_bytes = memory_bytes + engine.runtime.get_memory_used()
        self._limit(on=True)

    def _limit(self, *, on: bool) -> None:
        """Set or lift the memory limit; what the prelude itself takes is not counted."""
        if self._memory_bytes is not None and self._runtime is not None:
            self._runtime.set_max_memory(self._total_bytes if on else 0)

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        """Deliver one message and run until nothing is ready; never raise for the script."""
        if self._ended:
            return
        try:
            self._limit(on=False)  # a push from Python under a full limit aborts the process
            self._put(kind, id, payload, clock_ms)
            self._limit(on=True)
            self._run()
        except (lua54.LuaError, MemoryError) as error:
            self._fail(error)

    def _run(self) -> None:
        """Step until nothing is ready, passing on each message as it comes."""
        while not self._ended:
            message = self._step()
            if message is None:
                return
            kind, id_, payload = message
            if kind == _STARVED:
                self._limit(on=False)  # reporting that memory ran out needs some
                continue
            self._ended = kind in (_DONE, _FAILED)
            self._emit(kind, id_, payload.encode("latin-1"))

    def _fail(self, error: Exception) -> None:
        """End the run from outside the engine, which can no longer report by itself."""
        self._ended = True
        message = str(error)
        if isinstance(error, MemoryError) or "not enough memory" in message:
            record = _map(
                kind=_text("limit"),
                message=_text("the spell used more memory than it may"),
                details=_map(limit=_text("memory")),
            )
        else:
            record = _map(
                kind=_text("internal"), message=_text(f"the Lua guest failed: {message[:2000]}")
            )
        self._emit(_FAILED, 0, record)

    def close(self) -> None:
        """Free the engine; no finalizer of a script can run, as none can be set."""
        self._ended = True
        self._put = self._step = None
        self._runtime = None


def _text(text: str) -> bytes:
    """Encode a text in MessagePack; the guest imports no codec for these few."""
    data = text.encode("utf-8", "replace")
    return b"\xdb" + len(data).to_bytes(4, "big") + data


def _map(**fields: bytes) -> bytes:
    """Encode a map of already encoded values in MessagePack."""
    body = b"".join(_text(name) + value for name, value in fields.items())
    return bytes([0x80 | len(fields)]) + body
