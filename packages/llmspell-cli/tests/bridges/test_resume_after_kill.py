"""A workflow whose process is killed, and a second process that goes on with it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 50
SPELLS = {
    "lua": """
local flow = workflow[params.kind]{name = "five", checkpoint = true}
local needs = json.decode(params.needs)
for i = 1, 5 do
  local prompt = "Step " .. i
  for _, need in ipairs(needs[i]) do prompt = prompt .. " after {{" .. need .. ".output}}" end
  flow:add_step{name = "s" .. i, agent = llm.agent{}, prompt = prompt, needs = params.kind == "dag" and needs[i] or nil}
end
if params.id then
  local result = flow:resume(params.id)
  local outputs = {}
  for name, step in pairs(result.steps) do outputs[name] = step.output end
  return {status = result.status, id = result.id, outputs = outputs}
end
for event in flow:run_with_progress() do
  if event.id then print(event.id) end
end
""",
    "js": """
const flow = workflow[params.kind]({name: "five", checkpoint: true});
const needs = JSON.parse(params.needs);
for (let i = 1; i <= 5; i++) {
  const prompt = `Step ${i}` + needs[i - 1].map((need) => ` after {{${need}.output}}`).join("");
  flow.addStep({name: `s${i}`, agent: await llm.agent({}), prompt, needs: params.kind === "dag" ? needs[i - 1] : null});
}
if (params.id) {
  const result = await flow.resume(params.id);
  const outputs = Object.fromEntries(Object.entries(result.steps).map(([name, step]) => [name, step.output]));
  return {status: result.status, id: result.id, outputs};
}
for await (const event of flow.runWithProgress()) if (event.id) console.log(event.id);
""",
}
IN_ORDER: list[list[str]] = [[], ["s1"], ["s2"], ["s3"], ["s4"]]
AT_ONCE: list[list[str]] = [[], [], [], [], []]
GRAPH: list[list[str]] = [[], ["s1"], [], ["s2"], ["s3", "s4"]]


class Model(ThreadingHTTPServer):
    """A provider that answers "N done", keeps what it was asked, and may hold one answer back."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.held: str | None = None
        self.arrived = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """What `OPENAI_BASE_URL` is."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        self.server.asked.append(prompt)
        if prompt.split(" after")[0] == self.server.held:
            self.server.arrived.set()
            self.server.released.wait(PATIENCE_S)
        message = {"role": "assistant", "content": f"{prompt.split()[1]} done"}
        answer = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        data = json.dumps(answer).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # whoever asked was killed

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def model(cli: Any) -> Iterator[Model]:
    """The provider of the command's default model."""
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        cli.env.update(
            OPENAI_BASE_URL=server.url,
            OPENAI_API_KEY="sk-not-a-key",
            LLMSPELL_MODEL="openai/gpt-4o-mini",
        )
        yield server
        server.released.set()
        server.shutdown()


def options(kind: str, needs: list[list[str]]) -> list[str]:
    """Write the parameters of a run."""
    return ["--param", f"kind={kind}", "--param", f"needs={json.dumps(needs)}"]


def kept(cli: Any) -> int:
    """Count the steps whose outcome is in the database: those that ended in the newest superstep."""
    place = cli.folder / ".state" / "checkpoints.sqlite"
    with sqlite3.connect(f"file:{place}?mode=ro", uri=True) as database:
        (count,) = database.execute(
            "SELECT COUNT(DISTINCT task_id) FROM writes WHERE channel IN ('steps', '__return__')"
        ).fetchone()
    return int(count)


def killed(cli: Any, model: Model, suffix: str, args: list[str], ended: int) -> str:
    """Run the spell; kill it when the held step is under way and `ended` beside it are kept."""
    cli.write(f"five.{suffix}", SPELLS[suffix])
    with cli.start("run", f"five.{suffix}", *args) as child:
        try:
            assert child.stdout is not None
            run_id: str = child.stdout.readline().decode().strip()
            assert model.arrived.wait(PATIENCE_S), child.stderr and child.stderr.read()
            deadline = time.monotonic() + PATIENCE_S
            while kept(cli) < ended:  # it is another process's: nothing tells when it is written
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            child.kill()
    return run_id


@pytest.mark.parametrize("suffix", SPELLS)
@pytest.mark.parametrize(
    ("kind", "needs", "held", "ended", "again"),
    [
        ("sequential", IN_ORDER, "Step 3", 0, {"Step 3", "Step 4", "Step 5"}),
        ("parallel", AT_ONCE, "Step 3", 4, {"Step 3"}),
        ("dag", GRAPH, "Step 3", 3, {"Step 3", "Step 5"}),
    ],
)
def test_what_had_finished_is_not_asked_again(  # noqa: PLR0917 - pytest's fixtures and parameters
    cli: Any,
    model: Model,
    suffix: str,
    kind: str,
    needs: list[list[str]],
    held: str,
    ended: int,
    again: set[str],
) -> None:
    """After SIGKILL in the middle of a step, the server sees that step, and what was still to come."""
    model.held = held
    run_id = killed(cli, model, suffix, options(kind, needs), ended)
    before = [prompt.split(" after")[0] for prompt in model.asked]
    assert before.count(held) == 1
    assert {"Step 1", "Step 2"} <= set(before)
    model.asked.clear()
    model.held = None
    done = cli("run", f"five.{suffix}", *options(kind, needs), "--param", f"id={run_id}", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert {prompt.split(" after")[0] for prompt in model.asked} == again
    assert len(model.asked) == len(again)
    assert result == {
        "status": "completed",
        "id": run_id,
        "outputs": {f"s{number}": f"{number} done" for number in range(1, 6)},
    }
    if kind == "sequential":
        assert model.asked[0] == "Step 3 after 2 done"
