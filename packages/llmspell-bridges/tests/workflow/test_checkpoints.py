"""What a checkpoint holds, where it lies, and what becomes of one that somebody else wrote."""

from __future__ import annotations

import asyncio
import os
import pickle
import sqlite3
import stat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from llmspell_bridges.workflow.checkpoints import opened
from llmspell_bridges.workflow.describe import FORMAT
from llmspell_bridges.workflow.serializer import KIND, PlainSerializer
from llmspell_bridges.workflow.settings import WorkflowSettings
from llmspell_core import ConfigurationError, WorkflowError
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


def one(*_: Any) -> int:
    """Give a number."""
    return 1


def rows(place: Path, query: str, *given: Any) -> list[Any]:
    """Ask the database, or change it."""
    with sqlite3.connect(place) as database:
        found = database.execute(query, given).fetchall()
    database.close()
    return found


async def kept(lab: Any, **options: Any) -> tuple[Any, str]:
    """Run a workflow of one step; return it, and the id it is kept under."""
    flow = lab.flow("sequential", {"name": "a", "run": one}, checkpoint=True, **options)
    return flow, (await lab.ask(flow, "run"))["id"]


@pytest.mark.parametrize(
    "value",
    [None, True, 1, -(2**63), 1.5, float("inf"), "ü", b"\0\xff", [1, [2]], {"a": {"b": None}}],
)
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    """Bytes are bytes, and 1.0 is not 1."""
    back = PlainSerializer().loads_typed(PlainSerializer().dumps_typed(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("value", [object(), one, {"a": type}])
def test_nothing_but_data_is_written(value: Any) -> None:
    """An object has no form that would bring it back to life."""
    with pytest.raises(WorkflowError, match="cannot be kept"):
        PlainSerializer().dumps_typed(value)


def test_an_error_is_written_as_its_text() -> None:
    """A step that failed is run again: nobody reads what it raised."""
    back = PlainSerializer().loads_typed(PlainSerializer().dumps_typed({"e": ValueError("no")}))
    assert back == {"e": "no"}


@pytest.mark.parametrize(
    "written",
    [
        ("pickle", pickle.dumps({"a": 1})),
        ("msgpack", msgspec.msgpack.encode({"a": 1})),
        JsonPlusSerializer().dumps_typed({"a": {1, 2}}),
        (KIND, b"\xc1"),
        (KIND, b"\x91" * 100_000),
        (KIND, msgspec.msgpack.encode(msgspec.msgpack.Ext(5, b"builtins\0eval"))),
        (KIND, b"\xdd\xff\xff\xff\xff"),
    ],
)
def test_nothing_but_data_is_read(written: tuple[str, bytes]) -> None:
    """No pickle, none of langgraph's own extensions, no nesting without end."""
    with pytest.raises(WorkflowError, match="start anew"):
        PlainSerializer().loads_typed(written)


def test_what_is_larger_than_a_message_is_not_kept() -> None:
    """The step that gave it fails with an error that says so."""
    with pytest.raises(WorkflowError, match=r"larger than 16,777,216 bytes"):
        PlainSerializer().dumps_typed("x" * (16 * 1024 * 1024))


def test_a_key_of_the_host_is_not_written() -> None:
    """What a tool gave may hold one."""
    redactor.learn("sk-very-secret-0123456789", "TEST_KEY")
    _, data = PlainSerializer().dumps_typed({"output": "it is sk-very-secret-0123456789"})
    assert b"sk-very-secret" not in data


async def test_the_file_is_its_owners_alone(lab: Any, place: Path) -> None:
    """The folder too; a file that others could read is closed to them."""
    place.parent.mkdir()
    place.touch(0o666)
    place.chmod(0o666)
    await kept(lab)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.parent.iterdir()}
    assert set(modes.values()) == {0o600}


async def test_the_folder_is_made_for_its_owner(lab: Any, place: Path) -> None:
    """Nobody else can look into it."""
    await kept(lab)
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
async def test_what_is_no_file_is_refused(lab: Any, place: Path, kind: str) -> None:
    """A link could lead to a file of somebody's; a pipe would wait for ever."""
    place.parent.mkdir()
    if kind == "link":
        place.symlink_to(place.with_name("other"))
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pytest.raises(ConfigurationError, match="cannot hold checkpoints"):
        await kept(lab)


async def test_everything_in_it_is_of_our_form(lab: Any, place: Path) -> None:
    """Neither what a step gave nor what langgraph keeps beside it."""
    await kept(lab)
    kinds = rows(place, "SELECT type FROM checkpoints UNION SELECT type FROM writes")
    assert kinds == [(KIND,)]


async def test_a_file_of_somebody_else_is_refused(
    lab: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns it could read and change what is kept."""
    place.parent.mkdir()
    place.touch()
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    with pytest.raises(ConfigurationError, match="somebody else's"):
        await kept(lab)


async def test_a_file_that_is_no_database_is_an_error(lab: Any, place: Path) -> None:
    """It is left as it is."""
    place.parent.mkdir()
    place.write_bytes(b"hello, I am no database at all, not even a bit of one" * 20)
    with pytest.raises(WorkflowError, match="cannot be used: file is not a database"):
        await kept(lab)
    assert place.read_bytes().startswith(b"hello")


@pytest.mark.parametrize(
    "content",
    [
        {},
        [1],
        "text",
        {"channel_values": 1},
        {"channel_values": {"about": 1}},
        {"channel_values": {"about": {"format": FORMAT, "name": "flow"}}},
    ],
)
async def test_a_hostile_checkpoint_is_an_error(lab: Any, place: Path, content: Any) -> None:
    """Whatever stands there, the spell gets an error of its workflow, not one of ours."""
    flow, run_id = await kept(lab)
    data = msgspec.msgpack.encode(content)
    rows(place, "UPDATE checkpoints SET checkpoint = ?", data)
    with pytest.raises(WorkflowError, match=r"damaged: start anew|has changed"):
        await lab.ask(flow, "resume", run_id)


@pytest.mark.parametrize("steps", [1, {"a": 1}, {"a": {"status": 1, "conversation": 2}}, {1: 2}])
async def test_hostile_steps_are_an_error(lab: Any, place: Path, steps: Any) -> None:
    """A checkpoint that is right but for what its steps gave."""
    flow, run_id = await kept(lab)
    ((data,),) = rows(place, "SELECT checkpoint FROM checkpoints")
    content = msgspec.msgpack.decode(data)
    content["channel_values"]["steps"] = steps
    rows(place, "UPDATE checkpoints SET checkpoint = ?", msgspec.msgpack.encode(content))
    with pytest.raises(WorkflowError):
        await lab.ask(flow, "resume", run_id)


async def test_another_format_is_an_error(lab: Any, place: Path) -> None:
    """What an older llmspell kept is not guessed at."""
    flow, run_id = await kept(lab)
    ((data,),) = rows(place, "SELECT checkpoint FROM checkpoints")
    content = msgspec.msgpack.decode(data)
    content["channel_values"]["about"]["format"] = FORMAT + 1
    rows(place, "UPDATE checkpoints SET checkpoint = ?", msgspec.msgpack.encode(content))
    with pytest.raises(WorkflowError, match="another version of llmspell"):
        await lab.ask(flow, "resume", run_id)


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": [{"name": "b", "run": one}]},
        {"steps": [{"name": "a", "tool": "x", "arguments": {}}]},
        {"steps": [{"name": "a", "run": one}, {"name": "b", "run": one}]},
        {"steps": [{"name": "a", "run": one, "when": {"input": "x", "equals": 1}}]},
        {"steps": [{"name": "a", "run": one, "on_error": "continue"}]},
        {"kind": "parallel"},
        {"options": {"output": "{{a.output}}"}},
    ],
)
async def test_a_workflow_that_has_changed_is_not_resumed(lab: Any, changed: Any) -> None:
    """Its names, kinds, order, templates, conditions and strategies are what it is known by."""
    _, run_id = await kept(lab)

    async def nothing(_: Any) -> None:
        return None

    lab_tool = {"name": "x", "handler": lab.function(nothing)}
    from llmspell_core.dispatch import call

    await call(lab.session, "tools", "define", [lab_tool])
    other = lab.flow(
        changed.get("kind", "sequential"),
        *changed.get("steps", [{"name": "a", "run": one}]),
        **changed.get("options", {}),
    )
    with pytest.raises(WorkflowError, match="has changed since the run"):
        await lab.ask(other, "resume", run_id)


async def test_the_oldest_runs_are_forgotten(labs: Any, place: Path) -> None:
    """As many are kept as the host says; the newest ones."""
    lab = labs(keep=3)
    made = [await kept(lab) for _ in range(5)]
    ids = {run_id for (run_id,) in rows(place, "SELECT DISTINCT thread_id FROM checkpoints")}
    assert ids == {run_id for _, run_id in made[2:]}
    assert {run_id for (run_id,) in rows(place, "SELECT DISTINCT thread_id FROM writes")} <= ids
    with pytest.raises(WorkflowError, match="forgotten by now"):
        await lab.ask(made[0][0], "resume", made[0][1])


async def test_a_run_keeps_its_newest_checkpoint_alone(lab: Any, place: Path) -> None:
    """Each holds what the ones before it did: a long workflow does not keep all of them."""
    steps = [{"name": f"s{i}", "run": one} for i in range(20)]
    await lab.ask(lab.flow("sequential", *steps, checkpoint=True), "run")
    assert rows(place, "SELECT COUNT(*) FROM checkpoints") == [(1,)]


async def test_ids_cannot_be_guessed(lab: Any) -> None:
    """Each has 128 bits of chance in it."""
    ids = {(await kept(lab))[1] for _ in range(4)}
    assert len(ids) == 4
    assert all(len(run_id) == 22 for run_id in ids)


async def test_a_run_without_checkpoint_keeps_nothing(lab: Any, place: Path) -> None:
    """Nor does it touch the place."""
    result = await lab.run(lab.flow("sequential", {"name": "a", "run": one}))
    assert "id" not in result
    assert not place.exists()


async def test_two_runs_write_at_once(lab: Any) -> None:
    """They wait for each other."""
    results = await asyncio.gather(*(kept(lab) for _ in range(5)))
    assert len({run_id for _, run_id in results}) == 5


async def test_the_url_of_a_database_is_a_secret() -> None:
    """A password that stands in the settings as it is, is refused."""
    with pytest.raises(ConfigurationError, match="it holds a password") as error:
        WorkflowSettings.read({"checkpoints": "postgres://me:hush@db/x"})
    assert "hush" not in str(error.value)


async def test_a_database_that_does_not_answer_is_an_error() -> None:
    """The error says so, and shows no password."""
    from llmspell_core.secret import Secret

    place = Secret.of("postgres://me:hush-hush@127.0.0.1:9/x", "CHECKPOINTS_URL")
    with pytest.raises(WorkflowError, match="the database of the checkpoints") as error:
        async with opened(WorkflowSettings(checkpoints=place)):
            pass
    assert "hush" not in str(error.value)


async def test_a_step_is_kept_before_what_needs_it_begins(lab: Any, place: Path) -> None:
    """In a graph too, where nothing else waits for it."""
    seen: list[int] = []

    def look(*_: Any) -> None:
        seen.append(rows(place, "SELECT COUNT(*) FROM writes WHERE channel = '__return__'")[0][0])

    steps = [{"name": "a", "run": one}, {"name": "b", "run": look, "needs": ["a"]}]
    await lab.ask(lab.flow("dag", *steps, checkpoint=True), "run")
    assert seen == [1]


async def test_a_conversation_goes_on_after_a_crash(lab: Any, mock: Any) -> None:
    """What was said in it is kept with the step that said it."""
    agent = await lab.agent()
    broken = [True]

    def breaks(*_: Any) -> int:
        if broken.pop():
            raise WorkflowError("once")
        return 1

    flow = lab.flow(
        "sequential",
        {"name": "a", "agent": agent, "prompt": "One", "conversation": "c"},
        {"name": "b", "run": breaks},
        {"name": "c", "agent": agent, "prompt": "Two", "conversation": "c"},
        checkpoint=True,
    )
    mock.reply("first")
    with pytest.raises(WorkflowError) as error:
        await lab.ask(flow, "run")
    broken.append(False)
    await lab.ask(flow, "resume", error.value.details["id"])
    sent = [message["content"] for message in mock.requests[-1].body["messages"]]
    assert sent == ["One", "first", "Two"]


@pytest.mark.parametrize("kind", ["sequential", "parallel", "dag", "loop", "conditional"])
async def test_a_workflow_in_a_step_goes_on_inside(lab: Any, kind: str) -> None:
    """What had finished in it is not run again either."""
    ran: list[str] = []
    broken = [True]

    def step(name: str) -> Any:
        def run(*_: Any) -> str:
            ran.append(name)
            if name == "y" and broken and broken.pop():
                raise WorkflowError("once")
            return name

        return run

    names = ("y",) if kind == "conditional" else ("x", "y")
    extra: dict[str, Any] = {"otherwise": True} if kind == "conditional" else {}
    steps = [{"name": name, "run": step(name), **extra} for name in names]
    if kind == "dag":
        steps[1]["needs"] = ["x"]
    options = {"max_iterations": 1} if kind == "loop" else {}
    inner = lab.flow(kind, *steps, **options)
    flow = lab.flow(
        "sequential",
        {"name": "before", "run": step("before")},
        {"name": "inner", "workflow": inner},
        {"name": "after", "run": step("after")},
        checkpoint=True,
    )
    with pytest.raises(WorkflowError) as error:
        await lab.ask(flow, "run")
    assert sorted(ran) == sorted(["before", *names])
    ran.clear()
    result = await lab.ask(flow, "resume", error.value.details["id"])
    assert ran == ["y", "after"]
    assert result["steps"]["inner"]["steps"][names[-1]]["output"] == "y"


async def test_a_loop_goes_on_in_its_round(lab: Any) -> None:
    """Rounds that were over are not run again, and are counted."""
    ran: list[int] = []
    broken = [True]

    def work(_: Any, steps: Any) -> int:
        number = steps.get("n", {}).get("output", 0) + 1
        ran.append(number)
        if number == 3 and broken and broken.pop():
            raise WorkflowError("once")
        return int(number)

    flow = lab.flow("loop", {"name": "n", "run": work}, max_iterations=5, checkpoint=True)
    with pytest.raises(WorkflowError) as error:
        await lab.ask(flow, "run")
    result = await lab.ask(flow, "resume", error.value.details["id"])
    assert ran == [1, 2, 3, 3, 4, 5]
    assert (result["iterations"], result["output"]) == (5, 5)


async def test_a_step_is_kept_before_the_next_one_begins(lab: Any, place: Path) -> None:
    """Whatever happens then, it is not run again."""
    seen: list[Any] = []

    def look(*_: Any) -> None:
        ((data,),) = rows(place, "SELECT checkpoint FROM checkpoints")
        seen.extend(msgspec.msgpack.decode(data)["channel_values"]["steps"])

    steps = [{"name": "a", "run": one}, {"name": "b", "run": look}]
    await lab.ask(lab.flow("sequential", *steps, checkpoint=True), "run")
    assert seen == ["a"]


async def test_a_run_within_a_function_is_kept_apart(lab: Any, place: Path) -> None:
    """It is no part of the run whose step called it, though it began within it."""
    inner = lab.flow("sequential", {"name": "a", "run": one})

    async def runs_one(*_: Any) -> Any:
        return (await lab.run(inner))["output"]

    flow = lab.flow("sequential", {"name": "a", "run": runs_one}, checkpoint=True)
    assert (await lab.ask(flow, "run"))["output"] == 1
    assert rows(place, "SELECT DISTINCT checkpoint_ns FROM checkpoints") == [("",)]
