"""What a script finds besides the language and its bridges."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

import pytest
from js_host import CALL, CANCEL_CALL, ECHO, LOG

if TYPE_CHECKING:
    from js_host import Server

SHOWN = {
    "'a', 1, true": "a 1 true",
    "null, undefined": "null null",
    "{b: 1, a: [1.5, 'x', null]}": '{"a":[1.5,"x",null],"b":1}',
    "[undefined], {u: undefined}": "[null] {}",
    "NaN, -0, 12n, [Infinity]": "NaN 0 12 [Infinity]",
    "new Error('e'), new TypeError('t')": "e TypeError: t",
    "new SpellError('rate_limit', 'slow')": "rate limit error: slow",
    "new SpellError('runtime', 'r')": "r",
    "new Map([['k', new Set([1])]])": '{"k":[1]}',
    "new Date(0)": '"1970-01-01T00:00:00.000Z"',
    "new Uint8Array(3)": "[3 bytes]",
    "() => 1, function f() {}": "[function] [function f]",
    "Symbol('s'), Promise.resolve()": "[symbol] [promise]",
    "'\\ud800'": "\ufffd",
    "": "",
}


@pytest.mark.parametrize("source", SHOWN)
def test_console_shows_values_as_compact_text(js: Server, source: str) -> None:
    """Strings as they are, the rest as JSON with sorted keys, joined by a space."""
    assert js.run(f"console.log({source})").logs == [SHOWN[source]]


def test_console_has_six_levels(js: Server) -> None:
    """Each function of console logs at the level of its name."""
    levels = ["log", "info", "warn", "error", "debug", "write"]
    outcome = js.run(f"for (const l of {levels}) console[l](l)")
    assert [message.value for message in outcome.all(LOG)] == [[name, name] for name in levels]


def test_console_survives_cycles(js: Server) -> None:
    """A cycle is cut, not followed."""
    assert "[...]" in js.run("const a = {}; a.a = a; console.log(a)").logs[0]


def test_console_is_written_through(js: Server) -> None:
    """What was logged before an endless loop is out when the worker is killed."""
    outcome = js.run("console.log('before'); await null; console.log('x'); for (;;);", timeout_s=1)
    assert outcome.exit == "timeout"
    assert outcome.logs == ["before", "x"]


def test_params_are_a_plain_object(js: Server) -> None:
    """`params` holds the run's parameters."""
    assert js.run("return params.topic || 'x'", params={"topic": "t"}).done == "t"


def test_env_warns_once_about_what_is_not_granted(js: Server) -> None:
    """A granted variable is read; another one is undefined and says once how to grant it."""
    outcome = js.run("return [env.A, env.B, env.B, `${typeof env.then}`]", env={"A": "1"})
    assert outcome.done == ["1", None, None, "undefined"]
    assert [message.value for message in outcome.all(LOG)] == [
        ["warn", "env.B is not granted; allow it with --allow-env=B"]
    ]


def test_json_sorts_keys_and_keeps_integers(js: Server) -> None:
    """`json.encode` sorts; `json.decode` keeps integers beyond 2^53 exact."""
    source = """
        const text = json.encode({b: [1, 'ü', null], a: {d: 1n, c: undefined}});
        return [text, json.decode('[9007199254740993, 9007199254740992, 1.5, 1e20]')]"""
    assert js.run(source).done == [
        '{"a":{"d":1},"b":[1,"ü",null]}',
        [9007199254740993, 9007199254740992, 1.5, 1e20],
    ]


@pytest.mark.parametrize(
    "source",
    [
        "json.encode(NaN)",
        "json.encode([() => 1])",
        "json.encode(new Uint8Array(1))",
        "json.encode(Promise.resolve())",
        "json.decode('{')",
        "json.decode('99999999999999999999')",
    ],
)
def test_json_refuses_what_it_cannot_say(js: Server, source: str) -> None:
    """What JSON has no form for is a conversion error, not null."""
    assert js.run(f"return {source}").failed["kind"] == "conversion"


TEXTS = ["", "abc", "ü€\U0001f600", "x" * 55, "x" * 56, "x" * 63, "x" * 64, "x" * 119, "y" * 300]


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_hashes_are_the_standard_ones(js: Server, algorithm: str) -> None:
    """`util.hash` gives what hashlib gives, for texts and bytes around every block size."""
    content = bytes(range(256)) * 300
    params = {"texts": TEXTS, "bytes": content}
    source = f"""
        const h = (x) => util.hash(x, '{algorithm}');
        return [params.texts.map(h), h(params.bytes)]"""
    texts, data = js.run(source, params=params).done
    assert texts == [hashlib.new(algorithm, text.encode()).hexdigest() for text in TEXTS]
    assert data == hashlib.new(algorithm, content).hexdigest()


def test_the_default_hash_is_sha256(js: Server) -> None:
    """Without a name `util.hash` is sha256; an unknown name is refused."""
    assert js.run("return util.hash('a')").done == hashlib.sha256(b"a").hexdigest()
    assert js.run("util.hash('a', 'crc')").failed["kind"] == "validation"


def test_base64_of_texts_and_bytes(js: Server) -> None:
    """`decode` gives text, or bytes when asked; it never guesses."""
    source = """
        const {encode, decode} = util.base64;
        return [encode('hé'), encode(new Uint8Array([255, 0])), decode('aMOp'), decode('/wA=', 'bytes')]"""
    expected = [base64.b64encode("hé".encode()).decode(), "/wA=", "hé", b"\xff\x00"]
    assert js.run(source).done == expected
    assert js.run("util.base64.decode('/wA=')").failed["kind"] == "conversion"
    assert js.run("util.base64.decode('?')").failed["kind"] == "conversion"


def test_chance_is_seeded(js: Server) -> None:
    """The same seed gives the same numbers and UUIDs, another seed others."""
    source = "return [Math.random(), math.random(), util.uuid()]"
    first, second = js.run(source).done, js.run(source).done
    other = js.run(source, seed=2**63 - 1).done
    assert first == second != other
    assert all(0 <= number < 1 for number in first[:2] + other[:2])
    version_4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(version_4, first[2])


def test_time_is_the_runs_own(js: Server) -> None:
    """Every way to ask for the time gives the start's plus what the newest message said."""
    source = """
        const all = () => [util.now(), Date.now(), new Date().getTime(), +new Date(Date()),
                           new (new Date().constructor)().getTime(), Reflect.construct(Date, []).getTime()];
        const before = all(); await t.echo(); return [before, all(), new Date(5).getTime(),
            new Date() instanceof Date, typeof globalThis.Temporal?.Now,
            new Intl.DateTimeFormat('en', {timeZone: 'UTC'}).format()]"""
    before, after, given, instance, temporal, formatted = js.run(source, {"t.echo": ECHO}).done
    assert before[:3] + before[4:] == [1_700_000_000_000] * 5
    assert after[:3] + after[4:] == [1_700_000_000_010] * 5
    assert before[3] == 1_700_000_000_000
    assert (given, instance, temporal, formatted) == (5, True, "undefined", "11/14/2023")


def test_sleep_is_a_call_of_the_runtime(js: Server) -> None:
    """`util.sleep` asks the host, in whole milliseconds."""
    outcome = js.run("await util.sleep(1.5); await util.sleep(0)", {"runtime.sleep": None})
    assert outcome.calls == [["runtime", "sleep", [2]], ["runtime", "sleep", [0]]]
    for bad in ("-1", "NaN", "'1'", ""):
        assert js.run(f"await util.sleep({bad})").failed["kind"] == "validation"


def test_timers_use_the_hosts_clock(js: Server) -> None:
    """Timers run their function, with arguments, until cleared."""
    source = """
        let n = 0; const all = [];
        await new Promise(done => {
            setTimeout((a, b) => all.push(a + b), 5, 'a', 'b');
            clearTimeout(setTimeout(() => all.push('never'), 1));
            const i = setInterval(() => { all.push(n); if (++n === 3) { clearInterval(i); done() } }, 2);
        });
        return all"""
    outcome = js.run(source, {"runtime.sleep": None})
    assert outcome.done == ["ab", 0, 1, 2]
    assert outcome.all(CALL)[1].id == outcome.all(CANCEL_CALL)[0].id


def test_an_error_in_a_timer_is_logged(js: Server) -> None:
    """What a timer's function throws is shown with its line and ends nothing."""
    source = "setTimeout(() => {\n  throw new Error('t')\n}, 1); await util.sleep(2); return 1"
    outcome = js.run(source, {"runtime.sleep": None})
    assert outcome.logs == ["uncaught error in setTimeout: t (spell.js:2)"]
    assert outcome.done == 1


def test_math_is_the_languages_own_and_more(js: Server) -> None:
    """`math` has what `Math` has, and `clamp`."""
    assert js.run("return [math.pow(2, 3), math.clamp(5, 1, 3), math.max(1, 2)]").done == [8, 3, 2]


LIB = {"name": "lib/helpers.js", "source": "return {n: 1, f() {\n  throw new Error('in lib') } }"}


def test_require_loads_an_include(js: Server) -> None:
    """An include returns its value or sets module.exports, and is run once."""
    includes = {
        "lib.helpers": LIB,
        "lib.common": {
            "name": "c.js",
            "source": "console.log('run'); exports.x = 2; module.exports.y = 3",
        },
        "lib.both": {
            "name": "b.js",
            "source": "return require('lib.common').x + require('lib.helpers').n",
        },
    }
    source = "const c = require('lib.common'); return [c, require('lib.both'), require('lib.common') === c]"
    outcome = js.run(source, includes=includes)
    assert outcome.done == [{"x": 2, "y": 3}, 3, True]
    assert outcome.logs == ["run"]


def test_an_include_has_lines_of_its_own(js: Server) -> None:
    """A traceback names the included file."""
    record = js.run("require('lib.helpers').f()", includes={"lib.helpers": LIB}).failed
    assert [(f["name"], f["line"]) for f in record["traceback"]] == [
        ("lib/helpers.js", 2),
        ("spell.js", 1),
    ]


def test_a_cycle_of_includes_is_reported(js: Server) -> None:
    """Files that require each other are named in order."""
    includes = {
        "a": {"name": "a.js", "source": "return require('b')"},
        "b": {"name": "b.js", "source": "return require('a')"},
    }
    assert (
        js.run("require('a')", includes=includes).failed["message"]
        == "require: a cycle: a -> b -> a"
    )


def test_an_unknown_include_is_reported(js: Server) -> None:
    """What did not travel with the start cannot be loaded."""
    assert "no spell `x.y` was found" in js.run("require('x.' + 'y')").failed["message"]


def test_a_broken_include_fails_before_anything_runs(js: Server) -> None:
    """A syntax error in an include is found at the start, in the include's own lines."""
    includes = {"a": {"name": "a.js", "source": "\nlet = = 1"}}
    outcome = js.run("console.log('ran'); require('a')", includes=includes)
    assert outcome.failed["kind"] == "syntax"
    assert outcome.failed["traceback"][0] == {"name": "a.js", "line": 2, "column": 7}
    assert outcome.logs == []
