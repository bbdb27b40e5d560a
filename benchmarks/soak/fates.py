"""What a spell of the soak may do, and what must come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from llmspell_core import Bridge, Callback, Handle, Limits, method

MIB = 1 << 20
SHORT = Limits(timeout_s=0.15, cpu_s=None)
SMALL = Limits(memory_bytes=24 * MIB)


class Counter(Handle):
    """An object that a spell holds."""

    type_name = "counter"
    open = 0

    def __init__(self) -> None:
        """Count it in."""
        Counter.open += 1
        self._count = 0

    @method()
    async def inc(self) -> int:
        """Count up."""
        self._count += 1
        return self._count

    async def close(self) -> None:
        """Count it out."""
        Counter.open -= 1


class Soak(Bridge):
    """One method of each shape."""

    name = "soak"

    @method()
    async def add(self, a: int, b: int) -> int:
        """Add."""
        return a + b

    @method()
    async def echo(self, value: Any) -> Any:
        """Give back."""
        return value

    @method()
    async def make(self) -> Counter:
        """Give out an object."""
        return Counter()

    @method()
    async def count(self, most: int) -> AsyncIterator[int]:
        """Count, and give way in between."""
        for number in range(most):
            await asyncio.sleep(0)
            yield number

    @method()
    async def apply(self, function: Callback, value: Any) -> Any:
        """Call the script's function."""
        return await function(value)

    @method()
    async def fail(self) -> None:
        """Fail in a way that no script expects."""
        raise KeyError("soak")

    @method()
    async def wait(self) -> None:
        """Wait until cancelled."""
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """A script and what must come of it: `value` (beside the parameter n, or a list's length), or an error.

    `kind` is the error's, `limit` its limit, `says` a part of its text. `weight` is how often it
    is met; `done_by` what the host does to it while it runs: ``kill`` or ``cancel``.
    """

    name: str
    language: str
    script: str
    weight: int = 4
    value: int | None = None
    kind: str = ""
    limit: str = ""
    says: str = ""
    limits: Limits = field(default_factory=Limits)
    done_by: str = ""


_GOOD_LUA = """
local total = 0
for i = 1, 10 do total = soak.add(total, i) end
local counter = soak.make()
counter:inc()
total = total + counter:inc()
for n in soak.count(5) do total = total + n end
for n in soak.count(1000) do if n == 3 then break end end
local ok, err = pcall(soak.fail)
assert(not ok and err.kind == "internal")
return total + soak.apply(function(v) return soak.add(v, 1) end, 41) + params.n
"""
_GOOD_JS = """
let total = 0;
for (let i = 1; i <= 10; i++) total = await soak.add(total, i);
const counter = await soak.make();
await counter.inc();
total += await counter.inc();
for await (const n of soak.count(5)) total += n;
for await (const n of soak.count(1000)) if (n === 3) break;
try { await soak.fail(); } catch (e) { if (e.kind !== "internal") throw e; }
return total + await soak.apply(async (v) => await soak.add(v, 1), 41) + params.n;
"""
_SCRIPTS: dict[str, dict[str, Any]] = {
    "good": {"weight": 40, "value": 109, "lua": _GOOD_LUA, "javascript": _GOOD_JS},
    "short": {"weight": 40, "value": 0, "lua": "return params.n", "javascript": "return params.n"},
    "data": {
        "value": 2000,
        "lua": "local t = {} for i = 1, 2000 do t[i] = {id = i, s = 'x'} end "
        "return #soak.echo(t) + params.n",
        "javascript": "const t = Array.from({length: 2000}, (_, i) => ({id: i, s: 'x'})); "
        "return (await soak.echo(t)).length + params.n",
    },
    "raises": {
        "weight": 10,
        "kind": "runtime",
        "says": "on purpose",
        "lua": "soak.make() error('on purpose')",
        "javascript": "await soak.make(); throw new Error('on purpose')",
    },
    "misspelt": {"kind": "syntax", "lua": "return = 1", "javascript": "return = ;"},
    "bad argument": {
        "kind": "validation",
        "lua": "soak.add(1, 'x')",
        "javascript": "await soak.add(1, 'x')",
    },
    "endless": {
        "kind": "limit",
        "limit": "timeout",
        "limits": SHORT,
        "lua": "while true do pcall(error, 'x') end",
        "javascript": "for (;;) { try { throw 1 } catch {} }",
    },
    "waits": {
        "kind": "limit",
        "limit": "timeout",
        "limits": SHORT,
        "lua": "soak.make() soak.wait()",
        "javascript": "await soak.make(); await Promise.all([soak.wait(), soak.wait()])",
    },
    "hoards": {
        "weight": 2,
        "kind": "limit",
        "limit": "memory",
        "limits": SMALL,
        "lua": "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
        "javascript": "const t = []; for (;;) t.push(new Array(10000).fill(t.length + 0.5));",
    },
    "prints": {
        "weight": 2,
        "kind": "limit",
        "limit": "log",
        "lua": "while true do print(('x'):rep(100000)) end",
        "javascript": "for (;;) console.log('x'.repeat(100000))",
    },
    "returns much": {
        "weight": 2,
        "kind": "limit",
        "limit": "result",
        "lua": "return ('x'):rep(11 * 1024 * 1024)",
        "javascript": "return 'x'.repeat(11 * 1024 * 1024)",
    },
    "killed": {
        "kind": "internal",
        "says": "SIGKILL",
        "done_by": "kill",
        "lua": "soak.make() while true do soak.add(1, 2) end",
        "javascript": "await soak.make(); for (;;) await soak.add(1, 2)",
    },
    "cancelled": {
        "kind": "cancelled",
        "done_by": "cancel",
        "lua": "soak.make() for n in soak.count(1000000) do end",
        "javascript": "await soak.make(); for await (const n of soak.count(1000000)) {}",
    },
}
_CRASHES: dict[str, dict[str, Any]] = {
    "segfault": {"kind": "internal", "says": "crashed: signal 11"},
    "abort": {"kind": "internal", "says": "crashed: signal"},
    "leave": {"kind": "internal", "says": "crashed: exit code 3"},
    "babble": {"kind": "internal", "says": "protocol"},
    "bury": {"value": 3000},
}


def all_fates() -> list[Fate]:
    """List every fate in every language."""
    found = []
    for name, about in _SCRIPTS.items():
        rest = {key: about[key] for key in about if key not in ("lua", "javascript")}
        found += [
            Fate(name=name, language=language, script=about[language], **rest)
            for language in ("lua", "javascript")
        ]
    for name, rest in _CRASHES.items():
        found.append(Fate(name=name, language="crashing", script=name, weight=2, **rest))
    return found
