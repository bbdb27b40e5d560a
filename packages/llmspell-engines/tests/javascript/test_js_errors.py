"""Errors of a spell: their kinds, messages, lines; and those that kill naive embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from js_host import DONE, VALIDATE, Failing, encode

if TYPE_CHECKING:
    from js_host import Server

SLOW = Failing(
    {
        "kind": "rate_limit",
        "message": "slow down",
        "retryable": True,
        "bridge": "t",
        "method": "fail",
        "details": {"retry_after_s": 2.5},
    }
)


def places(record: dict[str, Any]) -> list[tuple[str, int, str | None]]:
    """Return name, line and function of each frame."""
    return [(f["name"], f["line"], f.get("function")) for f in record["traceback"]]


def test_lines_are_the_users_own(js: Server) -> None:
    """A traceback holds the user's frames alone, innermost first, in the file's own lines."""
    source = (
        "function inner() {\n  throw new Error('boom')\n}\n"
        "async function outer() {\n  await null\n  inner()\n}\n"
        "await outer()"
    )
    record = js.run(source).failed
    assert (record["kind"], record["message"]) == ("runtime", "boom")
    assert places(record) == [
        ("spell.js", 2, "inner"),
        ("spell.js", 6, "outer"),
        ("spell.js", 8, None),
    ]
    assert record["traceback"][0]["column"] == 9


@pytest.mark.parametrize(
    ("prefix", "line"),
    [
        ("", 1),
        ("\ufeff", 1),
        ("#!/usr/bin/env llmspell\n", 2),
        ("\ufeff#!x\r\n\r\n", 3),
        ("\r\n", 2),
    ],
)
def test_lines_survive_bom_shebang_and_crlf(js: Server, prefix: str, line: int) -> None:
    """A byte order mark, a first line `#!…` and Windows line ends do not move lines."""
    assert js.run(prefix + "null.x").failed["traceback"][0]["line"] == line
    record = js.run(prefix + "let = = 1").failed
    assert (record["kind"], record["traceback"][0]["line"]) == ("syntax", line)


@pytest.mark.parametrize("name", ["a b.js", "", "llmspell", "ü(1):2:3.js", "x\ny.js"])
def test_any_name_is_shown_as_it_is(js: Server, name: str) -> None:
    """A chunk's name may hold anything; the traceback names it unchanged."""
    assert places(js.run("throw new Error('x')", name=name).failed) == [(name, 1, None)]


def test_a_message_cannot_forge_frames(js: Server) -> None:
    """Text that looks like a stack does not become a frame."""
    source = "throw new Error('x\\n    at fake (spell.js:99:9)')"
    assert places(js.run(source).failed) == [("spell.js", 1, None)]


def test_the_hosts_error_has_the_line_of_the_call(js: Server) -> None:
    """An error of a bridge carries its fields, the call's number and the line that called."""
    source = "async function ask() {\n  return await t.fail()\n}\n\nawait ask()"
    record = js.run(source, {"t.fail": SLOW}).failed
    assert places(record) == [("spell.js", 2, "ask"), ("spell.js", 5, None)]
    del record["traceback"]
    assert record == {**SLOW.record, "ref": 1}


def test_a_script_sees_the_fields_of_an_error(js: Server) -> None:
    """A caught error is an Error with kind, message, retryable, bridge, method and details."""
    source = """
        try { await t.fail() } catch (e) {
            return [e instanceof Error, e instanceof SpellError, e.kind, e.message, e.retryable,
                    e.bridge, e.method, e.details, e.name, e.stack]
        }"""
    done = js.run(source, {"t.fail": SLOW}).done
    assert done[:9] == [
        True, True, "rate_limit", "slow down", True, "t", "fail", {"retry_after_s": 2.5}, "SpellError",
    ]  # fmt: skip
    assert done[9] == "SpellError: slow down\n    at spell.js:2:23"


THROWN = {
    "throw 'text'": ("text", None),
    "throw 5": ("uncaught error value", {"value": 5}),
    "throw {a: [1]}": ("uncaught error value", {"value": {"a": [1]}}),
    "throw null": ("uncaught error value", {"value": None}),
    "throw undefined": ("uncaught error value", {}),
    "throw Symbol('x')": ("uncaught error value", None),
    "throw () => 1": ("uncaught error value", None),
    "throw {get stack() { throw 1 }}": ("uncaught error value", None),
    "throw {get stack() { throw 1 }, get a() { throw 2 }}": ("uncaught error value", None),
    "throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }, ownKeys() { throw 3 }})": (
        "uncaught error value", None,
    ),
    "throw new Proxy(new Error('x'), {get() { throw 1 }})": ("Error", None),
    "await Promise.reject(new Proxy(() => 1, {get() { throw 1 }}))": ("uncaught error value", None),
    "return {get then() { throw new Error('then') }}": ("then", None),
    "return {then(done, failed) { failed(new Error('no')) }}": ("no", None),
    "const e = new Error('x'); e.stack = {}; throw e": ("x", None),
    "const e = new Error('x'); Object.defineProperty(e, 'stack', {get() { throw 1 }}); throw e": (
        "x", None,
    ),
    "const e = new Error(); e.message = {toString() { throw 1 }}; throw e": ("Error", None),
    "const e = new Error('\\ud800'); throw e": ("\ufffd", None),
    "throw new TypeError('t')": ("TypeError: t", None),
    "null.x": ("TypeError: Cannot read properties of null (reading 'x')", None),
    "function f() { f() } f()": ("RangeError: Maximum call stack size exceeded", None),
    "throw new Error('x'.repeat(100000))": ("x" * 65536, None),
    "Error.prepareStackTrace = () => { throw 1 }; throw new Error('p')": ("p", None),
    "Error.stackTraceLimit = 'x'; throw new Error('p')": ("p", None),
    "throw new AggregateError([1], 'many')": ("AggregateError: many", None),
}  # fmt: skip


@pytest.mark.parametrize("source", THROWN)
def test_whatever_is_thrown_becomes_a_record(js: Server, source: str) -> None:
    """Values whose inspection throws abort naive embeddings; here each becomes an error record."""
    outcome = js.run(source)
    record = outcome.failed
    assert outcome.exit == 0
    assert record["kind"] == "runtime"
    message, details = THROWN[source]
    assert record["message"] == message
    assert record.get("details") == details


def test_a_hidden_global_is_explained(js: Server) -> None:
    """`const workflow = workflow.sequential()` runs in no engine: the message says why."""
    record = js.run("const workflow = workflow.sequential({name: 'x'})").failed
    assert record["message"] == (
        "ReferenceError: Cannot access 'workflow' before initialization: the local name `workflow` "
        "hides the global `workflow`; give the local variable another name"
    )
    other = js.run("x; let x = 1").failed["message"]
    assert other == "ReferenceError: Cannot access 'x' before initialization"


def test_locals_may_have_the_names_of_globals(js: Server) -> None:
    """A spell's own `const result`, `tools` or `console` do not clash with anything."""
    assert js.run("const result = 1, tools = 2, console = 3; return [result, tools, console]").done


BROKEN = {
    "let x = 1;\nlet y = = 2;": (2, 9, "Unexpected token '='"),
    "a\n\nif (x {": (3, 7, "Unexpected token '{'"),
    "let a = 1;\nlet a = 2;": (2, 5, "Identifier 'a' has already been declared"),
    "if (true) {\n  foo(": (2, None, "Unexpected end of input"),
    "return `\n${": (2, None, "Unexpected end of input"),
    "x = 'abc": (1, 5, "Invalid or unexpected token"),
    "f()\n}\ng()": (3, 1, "Unexpected identifier 'g'"),
    "import x from 'y'": (1, 1, "Cannot use import statement outside a module"),
    "//# sourceURL=evil.js\nlet let = 5": (2, 5, "let is disallowed as a lexically bound name"),
    "function f() {\n  return 1 +;\n}": (2, 13, "Unexpected token ';'"),
}


@pytest.mark.parametrize("source", BROKEN)
def test_a_syntax_error_has_line_and_column(js: Server, source: str) -> None:
    """V8 tells no position for a function's body; it is found all the same."""
    record = js.run(source).failed
    line, column, message = BROKEN[source]
    frame = {"name": "spell.js", "line": line}
    if column is not None:
        frame["column"] = column
    assert record == {"kind": "syntax", "message": message, "traceback": [frame]}


BREAK_OUTS = [
    "})(); console.log('EVIL'); (async () => {",
    "}); console.log('EVIL'); (async function () {",
    "}]; console.log('EVIL'); [async function () {",
    "}]; console.log('EVIL'); ({a() {",
    "}\nconsole.log('EVIL')\n{",
    "} console.log('EVIL') //",
    "*/ }); console.log('EVIL') /*",
    "<!--\n}]; console.log('EVIL')\n/*",
    "}]; console.log('EVIL'); throw 1; //",
    "}]; console.log('EVIL'); `",
    "}]; console.log('EVIL'); /*",
    "}]; globalThis.x = console.log('EVIL'); if (0) { let f = `${function () {",
]


@pytest.mark.parametrize("source", BREAK_OUTS)
def test_no_body_can_break_out_of_its_function(js: Server, source: str) -> None:
    """A body that closes its function is a syntax error, and none of it runs while it is found."""
    outcome = js.run(source)
    assert outcome.failed["kind"] == "syntax"
    assert outcome.logs == []


def test_validating_runs_nothing(js: Server) -> None:
    """VALIDATE answers DONE or the syntax error, and executes neither body nor break-out."""
    good = encode({"name": "a.js", "source": "console.log(1); await t.echo(1); return 2"})
    outcome = js.ask([[VALIDATE, 0, good, 0]])
    assert [(m.kind, m.value) for m in outcome.messages] == [(DONE, None)]
    bad = encode({"name": "a.js", "source": "console.log(1)\n)"})
    record = js.ask([[VALIDATE, 0, bad, 0]]).failed
    assert record["traceback"] == [{"name": "a.js", "line": 2, "column": 1}]


def test_a_caught_error_thrown_again_keeps_its_call(js: Server) -> None:
    """The host finds its own exception again by `ref`, also after a catch and a new throw."""
    source = "await t.echo(); try { await t.fail() } catch (e) { await null; throw e }"
    assert js.run(source, {"t.fail": SLOW, "t.echo": "x"}).failed["ref"] == 2


def test_a_copy_of_an_error_is_the_scripts_own(js: Server) -> None:
    """An error a script makes itself never names a call."""
    source = "try { await t.fail() } catch (e) { throw Object.assign(new Error('m'), e, {ref: 1}) }"
    record = js.run(source, {"t.fail": SLOW}).failed
    assert "ref" not in record
    assert record["kind"] == "runtime"


def test_a_script_can_throw_a_spell_error(js: Server) -> None:
    """`SpellError` is a class a script can throw, with kind and details of its choice."""
    record = js.run("throw new SpellError('tool', 'bad', {details: {tool: 'x'}})").failed
    assert (record["kind"], record["details"]) == ("tool", {"tool": "x"})


def test_an_error_through_a_callback_keeps_its_first_line(js: Server) -> None:
    """The frames a host's error brings come first, then the line that called."""
    frame = {"name": "spell.js", "line": 9, "function": "f"}
    failing = Failing({"kind": "tool", "message": "x", "traceback": [frame]})
    source = "try { await t.fail() } catch (e) { console.log(e.stack); throw e }"
    outcome = js.run(source, {"t.fail": failing})
    assert places(outcome.failed) == [("spell.js", 9, "f"), ("spell.js", 1, None)]
    assert outcome.logs == ["SpellError: x\n    at f (spell.js:9)\n    at spell.js:1:15"]
