"""The engine underneath: what a script can reach, limits, memory, and the process around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from js_host import CALL, ECHO, LOG, RESULT, START, Failing, encode, handle

if TYPE_CHECKING:
    from js_host import Server


def test_preloading_leaves_one_thread_and_no_asyncio(js: Server) -> None:
    """A process with V8 initialised can be forked, and imported none of mini-racer's package."""
    assert js.hello["threads"] == 1
    assert "asyncio" not in js.hello["modules"]
    assert "py_mini_racer" not in js.hello["modules"]


def test_what_escapes_limits_is_gone(js: Server) -> None:
    """Shared memory, wasm, and what depends on the garbage collector are not there."""
    names = ["WebAssembly", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry"]
    assert js.run(f"return {names}.map(n => typeof globalThis[n])").done == ["undefined"] * 5
    assert js.run("return await import('x').catch(e => 'refused')").done == "refused"


def test_ordinary_language_features_work(js: Server) -> None:
    """eval, Function, generators, classes, regular expressions and Intl are the engine's own."""
    source = """
        const {a, ...rest} = {a: 1, b: 2, c: 3};
        function* g() { yield* [1, 2] }
        class P { #x = 1; static s = 2; get x() { return this.#x } }
        return [eval('1 + 1'), new Function('a', 'return a')(5), [...g()], new P().x, P.s, rest,
                'a-b'.replace(/(\\w)-(\\w)/, '$2$1'), (1234.5).toLocaleString('en'), structuredCloneless()];
        function structuredCloneless() { return typeof structuredClone }"""
    assert js.run(source).done == [
        2,
        5,
        [1, 2],
        1,
        2,
        {"b": 2, "c": 3},
        "ba",
        "1,234.5",
        "undefined",
    ]


PATCHES = """
const names = Object.getOwnPropertyNames;
const owners = [Array, Object, String, Number, Map, Set, WeakMap, Promise, RegExp, Date, Function,
    Uint8Array, DataView, ArrayBuffer, Error, BigInt, Symbol];
const protos = owners.map(o => o.prototype).concat([Object.getPrototypeOf(Uint8Array.prototype)]);
const lists = protos.map(p => names(p).filter(n => n !== 'constructor'));
const statics = [Object, Reflect, JSON, Math, Array, String, Number, Promise, Error, ArrayBuffer]
    .map(o => [o, names(o).filter(n => !['prototype', 'prepareStackTrace'].includes(n))]);
"""
PATCH_ALL = """
for (let i = 0; i < protos.length; i++) for (let j = 0; j < lists[i].length; j++) {
    const name = lists[i][j];
    try { if (typeof protos[i][name] === 'function') protos[i][name] = function () { throw name } } catch {}
}
for (let i = 0; i < statics.length; i++) for (let j = 0; j < statics[i][1].length; j++) {
    const name = statics[i][1][j], o = statics[i][0];
    try { if (typeof o[name] === 'function') o[name] = function () { throw name } } catch {}
}
protos[0][Symbol.iterator] = function () { throw 'iterator' };
globalThis.Promise = globalThis.Error = globalThis.Uint8Array = globalThis.Map = undefined;
"""
USE = """
console.log('a', {b: [1, 'x'], a: null}, 12n);
const h = await t.get_it('é', {list: [1, 2.5, -1], f: () => 1});
const lines = [json.encode({b: 1, a: [h]}), util.hash('a'), util.uuid().length, util.now()];
try { await t.fail() } catch (e) { lines[4] = e.message }
const w = workflow.sequential({}); w.add_step(1); await w.run();
let n = 0; for await (const x of t.stream()) { n += x }
lines[5] = n;
return {lines};
"""


def test_patched_prototypes_do_not_break_the_prelude(js: Server) -> None:
    """With every built-in method replaced, calls, logs, streams, errors and results still work."""
    answers = {
        "t.get_it": "text",
        "t.fail": Failing({"kind": "network", "message": "lost"}),
        "t.stream": handle(9, "stream"),
        "9.next": {"items": [1, 2], "done": True},
        "*": None,
    }
    outcome = js.run(PATCHES + PATCH_ALL + USE, answers)
    assert outcome.logs == ['a {"a":null,"b":[1,"x"]} 12']
    lines = outcome.done["lines"]
    assert lines[0] == '{"a":["text"],"b":1}'
    assert lines[2:] == [36, lines[3], "lost", 3]


LEAKS = """
const found = [];
const look = (what, value) => {
    if (typeof value === 'function' || (typeof value === 'object' && value !== null)) found.push(what) };
"""


def test_setters_on_prototypes_see_nothing_internal(js: Server) -> None:
    """Accessors planted on Object.prototype and Array.prototype are never handed a closure."""
    source = (
        LEAKS
        + """
        for (const name of ['value', 'get', 'set', 'writable', 'owner', 'resolve', 'reject', 'site', 'steps',
                            'flatten', 'callbacks', 'first', 'where', 'then', 'bytes', 'view', 'at'])
            Object.defineProperty(Object.prototype, name, {__proto__: null,
                get() { if (this && typeof this === 'object' && ('resolve' in this && Object.hasOwn(this, 'resolve')))
                    found.push(name); return undefined },
                set(v) { look(name, v) }, configurable: true});
        for (let i = 0; i < 40; i++) Object.defineProperty(Array.prototype, i, {__proto__: null,
            get() { return undefined }, set(v) { if (typeof v === 'function') found.push(i) }, configurable: true});
        console.log('x', {a: 1});
        await Promise.all(Array.from({length: 3}, () => t.echo({a: 'x'}, () => 1)));
        for await (const x of t.stream()) break;
        return found.length"""
    )
    answers = {"t.stream": handle(9, "stream"), "*": {"items": [1], "done": True}}
    assert js.run(source, answers).done == 0


def test_the_prelude_is_not_reachable(js: Server) -> None:
    """No global, stack or caller leads from a script into the prelude's scope."""
    source = """
        const own = Object.getOwnPropertyNames(globalThis);
        const frames = [];
        try { Error.prepareStackTrace = (e, sites) => sites } catch (e) {}
        const stack = (() => { let s; t.echo({get a() { s = new Error().stack; return 1 }}); return s })();
        let caller; function f() { try { caller = f.caller } catch (e) { caller = null } }
        t.echo({get a() { f(); return 1 }});
        return [own.filter(n => ['deliver', 'shared', 'ring', 'header', 'send'].includes(n)), typeof stack,
                stack.includes('llmspell'), caller === null || typeof caller]"""
    names, kind, shows, caller = js.run(source, {"*": 1}).done
    assert (names, kind, shows) == ([], "string", False)
    # the getter's own caller is the script's getter; strict functions are never shown
    assert caller in {True, "function"}


def test_a_flood_of_heap_ends_with_the_memory_limit(js: Server) -> None:
    """A heap over its limit ends the run with kind limit, or the process: never with silence."""
    source = "console.log('go'); const a = []; for (;;) a.push({x: [1, 2, 3], y: 'a' + a.length})"
    outcome = js.run(source, memory_bytes=48 << 20, timeout_s=30)
    assert outcome.logs == ["go"]
    record = outcome.failed
    assert (record["kind"], record["details"]["limit"]) == ("limit", "memory")


def test_a_heap_flood_after_an_await_ends_too(js: Server) -> None:
    """The limit is noticed in promise jobs as well, where mini-racer says nothing."""
    source = "await null; const a = []; for (;;) a.push({x: [1, 2, 3], y: 'a' + a.length})"
    record = js.run(source, memory_bytes=48 << 20, timeout_s=30).failed
    assert record["details"] == {"limit": "memory", "value": 48 << 20}


@pytest.mark.parametrize(
    "source",
    [
        "while (true) {}",
        "await null; while (true) {}",
        "await t.echo(1); while (true) {}",
        "const f = () => Promise.resolve().then(f); await f(); await new Promise(() => 0)",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    ],
)
def test_an_endless_script_can_be_killed(js: Server, source: str) -> None:
    """Loops, promise loops and regular expressions die with their process."""
    outcome = js.run(source, {"t.echo": ECHO}, timeout_s=1)
    assert outcome.exit == "timeout"


def test_a_never_settling_await_rests(js: Server) -> None:
    """A spell that waits for nothing gives the processor back; the host decides its end."""
    outcome = js.run("await new Promise(() => 0)")
    assert (outcome.exit, outcome.messages) == (0, [])


def test_large_messages_cross_in_pieces(js: Server) -> None:
    """Messages larger than the shared memory cross both ways."""
    text = "ä" * 3_000_000
    outcome = js.run("console.log(params.t.length); return params.t", params={"t": text})
    assert outcome.done == text


def test_a_log_larger_than_a_message_is_refused(js: Server) -> None:
    """What is too long to log is an error of that call, which a script can see."""
    record = js.run("console.log('x'.repeat(17 * 1024 * 1024))").failed
    assert record["kind"] == "limit"
    assert record["details"]["limit"] == "log"


def test_closing_ends_the_process_in_order(js: Server) -> None:
    """An isolate that rests is freed by `close`, and the process ends without hanging."""
    assert js.run("await t.hold()", close=True, timeout_s=10).exit == 0
    assert js.run("return 1", close=True, timeout_s=10).done == 1


def test_a_second_start_is_ignored_after_the_end(js: Server) -> None:
    """Messages after DONE find nobody."""
    again = encode({"name": "b.js", "source": "console.log('again')"})
    outcome = js.run("return 1", then=[[START, 0, again, 0], [RESULT, 1, encode(1), 0]])
    assert [message.kind for message in outcome.messages if message.kind in {LOG, CALL}] == []
    assert outcome.done == 1


def test_runs_repeat_exactly(js: Server) -> None:
    """The same start and the same answers give the same messages."""
    source = """
        for (let i = 0; i < 5; i++) console.log(util.uuid(), Math.random(), util.now(), await t.echo({z: i, a: 1}));
        return Object.keys({b: 1, a: 2})"""
    first = js.run(source, {"t.echo": ECHO}).messages
    assert first == js.run(source, {"t.echo": ECHO}).messages
