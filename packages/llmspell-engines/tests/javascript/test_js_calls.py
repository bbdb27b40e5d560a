"""Calls, handles, builders, streams and callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from js_host import (
    CALL,
    CANCEL,
    CANCEL_CALL,
    DONE,
    ECHO,
    INVOKE,
    LIMITS,
    LOG,
    RAISE,
    RELEASE,
    RESULT,
    RETURN,
    Ext,
    Failing,
    InTurn,
    encode,
    handle,
    text_record,
)

if TYPE_CHECKING:
    from js_host import Server

STREAM = handle(9, "stream", next=0, close=0)


def test_methods_have_both_spellings(js: Server) -> None:
    """A method is called in snake_case or camelCase; the host always sees its own name."""
    outcome = js.run(
        "await t.get_it(); await t.getIt(); const {getIt} = t; await getIt()", {"*": 1}
    )
    assert outcome.calls == [["t", "get_it", []]] * 3


def test_an_open_bridge_takes_any_name(js: Server) -> None:
    """`tools.NAME` is a call whatever NAME is; the host answers for unknown ones."""
    source = "await tools.file_write('a'); await tools['my-tool'](); await tools; return typeof tools.then"
    outcome = js.run(source, {"*": 1})
    assert [call[1] for call in outcome.calls] == ["file_write", "my-tool"]
    assert outcome.done == "undefined"


def test_a_closed_bridge_has_its_methods_only(js: Server) -> None:
    """An unknown method is undefined, and a bridge cannot be changed."""
    assert js.run(
        "t.x = 1; t.echo = 2; return [typeof t.nope, typeof t.x, typeof t.echo]"
    ).done == [
        "undefined",
        "undefined",
        "function",
    ]


def test_calls_run_in_parallel_up_to_the_limit(js: Server) -> None:
    """At most `calls_in_flight` calls are open; the next one starts when one is answered."""
    source = "const c = []; for (let i = 0; i < 5; i++) c.push(t.hold(i)); await Promise.all(c)"
    limits = {**LIMITS, "calls_in_flight": 2}
    outcome = js.run(source, limits=limits)
    assert [call[2] for call in outcome.calls] == [[0], [1]]
    then = [
        [RESULT, 2, encode(None), 0],
        [RESULT, 1, encode(None), 0],
        [RESULT, 1, encode(None), 0],
    ]
    outcome = js.run(source, then=then, limits=limits)
    assert [call[2] for call in outcome.calls] == [[0], [1], [2], [3]]
    assert len(js.run(source, {"*": 1}, limits=limits).calls) == 5


def test_arguments_are_taken_when_the_call_is_made(js: Server) -> None:
    """A call that waits for its turn sends what its arguments were when it was made."""
    source = "const a = {n: 1}; t.hold(); const p = t.echo(a); a.n = 2; await p"
    then = [[RESULT, 1, encode(None), 0], [RESULT, 2, encode(None), 0]]
    outcome = js.run(source, then=then, limits={**LIMITS, "calls_in_flight": 1})
    assert outcome.calls[1] == ["t", "echo", [{"n": 1}]]


def test_a_handle_has_methods(js: Server) -> None:
    """A handle's methods are calls of the handle, in both spellings."""
    source = "const a = await t.get_it(); await a.run_it('x'); const {runIt} = a; return runIt(1)"
    outcome = js.run(source, {"t.get_it": handle(5, "agent", run_it=0), "*": "done"})
    assert outcome.calls[1:] == [[5, "run_it", ["x"]], [5, "run_it", [1]]]
    assert outcome.done == "done"


def test_a_handle_goes_back_as_a_handle(js: Server) -> None:
    """As an argument and as a result a handle is the host's own again."""
    outcome = js.run(
        "const a = await t.get_it(); await t.echo({a}); return [a]", {"*": handle(5, "agent")}
    )
    assert outcome.calls[1][2] == [{"a": Ext(1, [5, "agent", {}])}]
    assert outcome.done == [Ext(1, [5, "agent", {}])]


def test_a_handle_is_no_promise(js: Server) -> None:
    """A handle whose type has a method `then` can be awaited without calling it."""
    source = "const a = await t.get_it(); return [typeof a.then, `${a}`]"
    outcome = js.run(source, {"t.get_it": handle(5, "agent", then=0)})
    assert outcome.done == ["undefined", "[object Object]"]
    assert len(outcome.calls) == 1


def test_a_builder_is_made_at_once_and_sent_whole(js: Server) -> None:
    """Builders need no await; `run` sends what was recorded, and steps chain."""
    source = """
        const w = workflow.sequential({name: 'w'});
        w.addStep({name: 'a', agent: await t.get_it()}).add_step({f: x => x}, 2);
        const result = await w.run({topic: 't'});
        await t.echo(w);
        return result"""
    outcome = js.run(source, {"t.get_it": handle(5, "agent"), "*": {"steps": {}}})
    builder = Ext(
        4,
        [
            "workflow",
            "sequential",
            [{"name": "w"}],
            [
                ["add_step", [{"agent": Ext(1, [5, "agent", {}]), "name": "a"}]],
                ["add_step", [{"f": Ext(2, [1, "f"])}, 2]],
            ],
        ],
    )
    assert outcome.calls[1] == ["workflow", "sequential.run", [builder, {"topic": "t"}]]
    assert outcome.calls[2][2] == [builder]
    assert outcome.done == {"steps": {}}


def test_a_builder_is_no_result(js: Server) -> None:
    """A builder crosses in arguments only."""
    assert js.run("return workflow.sequential()").failed["kind"] == "conversion"


def test_a_stream_is_iterated(js: Server) -> None:
    """`for await` over a streaming call pulls with credits until the stream is done."""
    pulls = InTurn([{"items": [1, 2], "done": False}, {"items": [3], "done": True}])
    source = "const all = []; for await (const x of t.stream('q')) all.push(x); return all"
    outcome = js.run(source, {"t.stream": STREAM, "9.next": pulls})
    assert outcome.done == [1, 2, 3]
    assert outcome.calls == [["t", "stream", ["q"]], [9, "next", [32]], [9, "next", [32]]]
    assert outcome.all(RELEASE) == []


def test_a_stream_can_be_awaited_first(js: Server) -> None:
    """A streaming call is also a promise of the stream itself."""
    source = """
        const s = await t.stream(); const all = [];
        for await (const x of s) all.push(x);
        return [all, typeof s.then, await s.next()]"""
    outcome = js.run(source, {"t.stream": STREAM, "9.next": {"items": ["a"], "done": True}})
    assert outcome.done == [["a"], "undefined", {"done": True}]


def test_leaving_a_stream_releases_it(js: Server) -> None:
    """`break`, `return` and an error in the loop's body tell the host to stop."""
    answers = {"t.stream": STREAM, "9.next": {"items": [1, 2], "done": False}}
    for leave in ("break", "throw new Error('x')", "return 1"):
        for stream in ("t.stream()", "await t.stream()"):
            outcome = js.run(f"for await (const x of {stream}) {{ {leave} }}", answers)
            assert [message.id for message in outcome.all(RELEASE)] == [9]


def test_a_stream_closed_before_its_answer_is_cancelled(js: Server) -> None:
    """Closing a stream that was not answered yet cancels the call."""
    outcome = js.run("const s = t.stream(); await s.close(); return 1")
    assert [message.id for message in outcome.all(CANCEL_CALL)] == [1]
    assert outcome.done == 1


def test_an_error_in_a_stream_comes_after_its_items(js: Server) -> None:
    """What was delivered before the error is seen first."""
    pulls = InTurn([{"items": [1], "done": False}, Failing({"kind": "network", "message": "lost"})])
    source = """
        const all = [];
        try { for await (const x of t.stream()) all.push(x) } catch (e) { all.push(e.kind) }
        return all"""
    assert js.run(source, {"t.stream": STREAM, "9.next": pulls}).done == [1, "network"]


def test_a_streams_calls_may_overlap(js: Server) -> None:
    """Several `next()` at once are served in order."""
    pulls = InTurn([{"items": [1], "done": False}, {"items": [2], "done": True}])
    source = """
        const s = await t.stream();
        return (await Promise.all([s.next(), s.next(), s.next()])).map(x => x.value)"""
    assert js.run(source, {"t.stream": STREAM, "9.next": pulls}).done == [1, 2, None]


CALLBACK = "const f = (a, b) => a + b; await t.hold({f, g: f});"


def test_a_function_crosses_as_a_callback(js: Server) -> None:
    """A function in a call's arguments becomes a number and a name, the same one each time."""
    outcome = js.run("const f = () => 1; t.hold(f); t.hold({f}); t.hold(() => 2)")
    one, two = Ext(2, [1, "f"]), Ext(2, [2, ""])
    assert [call[2] for call in outcome.calls] == [[one], [{"f": one}], [two]]


def test_a_callback_runs_while_the_spell_waits(js: Server) -> None:
    """INVOKE is answered by RETURN, once for each invocation."""
    then = [[INVOKE, 4, encode([1, [2, 3]]), 0], [INVOKE, 5, encode([1, ["a", "b"]]), 0]]
    outcome = js.run(CALLBACK, then=then)
    assert [(m.id, m.value) for m in outcome.all(RETURN)] == [(4, 5), (5, "ab")]


def test_a_callback_may_call_and_fail(js: Server) -> None:
    """A callback calls bridges; its error is answered by RAISE and does not end the spell."""
    source = """
        t.hold(async (x) => { const y = await t.echo(x); throw new Error('no ' + y) });
        t.hold(() => Symbol());
        t.hold(() => { throw {get stack() { throw 1 }} });"""
    then = [[INVOKE, n, encode([n, [7]]), 0] for n in (1, 2, 3, 4)]
    outcome = js.run(f"{source} await t.hold()", {"t.echo": ECHO}, then=then)
    raised = {m.id: (m.value["kind"], m.value["message"]) for m in outcome.all(RAISE)}
    assert raised[1] == ("runtime", "no 7")
    assert raised[2][0] == "conversion"
    assert raised[3] == ("runtime", "uncaught error value")
    assert raised[4] == ("internal", "no callback 4")
    assert outcome.all(DONE) == []


def test_cancelling_an_invocation_cancels_its_calls(js: Server) -> None:
    """CANCEL ends one invocation: its open calls, also after an await, and no answer."""
    source = "t.hold(async () => { await t.echo(); await Promise.all([t.hold(1), t.hold(2)]) }); await t.hold(3)"
    then = [
        [INVOKE, 1, encode([1, []]), 0],
        [CANCEL, 1, encode(None), 0],
        [RESULT, 2, encode(1), 0],
    ]
    outcome = js.run(source, {"t.echo": ECHO}, then=then)
    numbers = {str(message.value[2]): message.id for message in outcome.all(CALL)}
    assert [m.id for m in outcome.all(CANCEL_CALL)] == [numbers["[1]"], numbers["[2]"]]
    assert outcome.all(RETURN) + outcome.all(RAISE) == []
    assert outcome.done is None


def test_cancelling_the_run_ends_it(js: Server) -> None:
    """CANCEL 0 is answered by FAILED, and nothing follows."""
    source = "try { await t.hold() } finally { console.log('late') }"
    then = [[CANCEL, 0, encode(None), 0], [RESULT, 1, encode(1), 0]]
    outcome = js.run(source, then=then)
    assert outcome.failed["kind"] == "cancelled"
    assert outcome.logs == []


def test_nothing_is_said_after_the_end(js: Server) -> None:
    """After DONE neither logs nor calls leave, whatever is still running."""
    source = "t.echo(1).then(() => { console.log('late'); t.echo(2) }); return 1"
    outcome = js.run(source, {"t.echo": ECHO}, then=[[RESULT, 1, encode(1), 0]])
    assert outcome.messages[-1].kind == DONE
    assert len(outcome.messages) == 2


def test_a_failure_nobody_waited_for_is_a_warning(js: Server) -> None:
    """A failed call that nobody looked at is named at the end, and the spell goes on."""
    source = "t.fail();\nt.stream(); await t.echo(1); return 'fine'"
    failing = Failing({"kind": "network", "message": "lost"})
    outcome = js.run(source, {"t.echo": ECHO, "*": failing})
    assert outcome.done == "fine"
    warning = "a call failed and nobody waited for it: lost (spell.js:1)"
    assert [message.value for message in outcome.all(LOG)] == [["warn", warning]]


OBSERVED = [
    "try { await p } catch {}",
    "p.catch(() => 0)",
    "p.then(() => 0, () => 0)",
    "p.finally(() => 0).catch(() => 0)",
    "await Promise.allSettled([p])",
    "await Promise.race([p]).catch(() => 0)",
    "await (async () => p)().catch(() => 0)",
    "await t.echo(1); try { await p } catch {}",
]


@pytest.mark.parametrize("use", OBSERVED)
def test_a_failure_somebody_waited_for_is_no_warning(js: Server, use: str) -> None:
    """Every way to wait for a call counts, also one that comes after the failure."""
    failing = Failing({"kind": "network", "message": "lost"})
    source = f"const p = t.fail(); {use}; await t.echo(1); return 1"
    outcome = js.run(source, {"t.echo": ECHO, "t.fail": failing})
    assert (outcome.done, outcome.logs) == (1, [])


def test_the_same_object_of_the_host_is_the_same_handle(js: Server) -> None:
    """A handle that arrives twice is equal to itself."""
    source = "return (await t.get_it()) === (await t.get_it())"
    assert js.run(source, {"t.get_it": handle(5, "agent")}).done is True


def test_an_uncaught_error_of_a_stream_has_the_line_of_the_loop(js: Server) -> None:
    """A pull that fails is shown where the loop is, for either form of the stream."""
    pulls = InTurn([{"items": [1], "done": False}, Failing({"kind": "network", "message": "lost"})])
    for stream in ("t.stream()", "await t.stream()"):
        source = f"let n = 0\nfor await (const x of {stream}) {{\n  n++\n}}"
        outcome = js.run(source, {"t.stream": STREAM, "9.next": pulls})
        assert outcome.failed["traceback"][0]["line"] == 2


def test_the_retry_example_of_the_specification_runs(js: Server) -> None:
    """robust-agent.js: a failed call is caught, waited for and tried again."""
    source = """
        async function robustLlmCall(prompt, maxRetries = 3) {
            let attempt = 0;
            while (attempt < maxRetries) {
                attempt++;
                try {
                    const result = await llm.complete({
                        model: "gpt-4", messages: [{role: "user", content: prompt}]
                    });
                    return result;
                } catch (error) {
                    console.log(`Attempt ${attempt} failed: ${error.message}`);
                    if (attempt < maxRetries) await util.sleep(Math.pow(2, attempt) * 1000);
                }
            }
            throw new Error(`Failed after ${maxRetries} attempts`);
        }
        const result = await robustLlmCall("Explain machine learning", 3);
        console.log(`Success: ${result.content}`);"""
    answers = {
        "llm.complete": InTurn(
            [Failing({"kind": "network", "message": "down"}), text_record("it learns", usage={})]
        ),
        "runtime.sleep": None,
    }
    outcome = js.run(source, answers, bridges={"llm": {"methods": {"complete": 0}}})
    assert outcome.logs == ["Attempt 1 failed: down", "Success: it learns"]
    assert outcome.calls[1] == ["runtime", "sleep", [2000]]
    assert outcome.done is None
