"""Keys planted for several providers, which tell them to everybody: none comes out anywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from canary import leaks
from server import ECHOES, serving_in_a_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli
    from server import Server

pytestmark = pytest.mark.timeout(240)

KEYS = {
    "env": "sk-canary-e07b1c52d9f84a36ae0715c8",
    "file": "sk-canary-f1d83a60b2c94e7f95d42b01",
    "keyring": "sk-canary-kd59e2f7a1c0486bb3e8d6f4",
    "native": "sk-canary-n64c0a9b8e7d4f2183a5c7e9",
    "other": "sk-canary-a2b7d5e1f8c34690b1d3e5f7",
}
CONFIG = """
[providers.openai]
base_url = "{address}/v1"
api_key = {{ env = "ACME" }}
[providers.files]
base_url = "{address}/v1"
api_key = {{ file = "key" }}
[providers.rings]
base_url = "{address}/v1"
api_key = {{ keyring = "llm", user = "me" }}
"""
BACKEND = """
import keyring.backend
class Ring(keyring.backend.KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        return {key!r} if (service, username) == ("llm", "me") else None
    def set_password(self, service, username, password):
        raise NotImplementedError
"""
LUA = """
local told = {}
local function show(what, value)
    told[#told + 1] = value
    console.log(what, value)
    console.warn(tostring(value))
    console.error(value)
    console.write(tostring(value), " ")
end
local last
for _, model in ipairs(params.models) do
    for _, cache in ipairs({true, false}) do
        local done, answer = pcall(llm.complete, {prompt = "Hi", model = model, cache = cache,
            tools = {{name = "t"}}, retry = {max_attempts = 2, base_delay_ms = 1}})
        show(model, answer)
        if done then show("fields", json.encode({answer.message, answer.metadata, answer.tool_calls})) end
        if not done then last = answer show("details", json.encode(answer.details)) end
        pcall(fs.write, "told.txt", tostring(answer))
    end
    local whole = {}
    local done, error = pcall(function()
        for piece in llm.stream({prompt = "Hi", model = model, cache = true}) do
            whole[#whole + 1] = tostring(piece)
            console.write(piece)
        end
    end)
    show("stream", done and table.concat(whole) or error)
    show("embed", select(2, pcall(llm.embed, {input = "Hi", model = model})))
end
show("env", json.encode(env))
if params.fail then error(last) end
return told
"""
JAVASCRIPT = """
const told = [];
const show = (what, value) => {
    told.push(String(value));
    console.log(what, value);
    console.warn(String(value));
    console.error(value);
    console.write(String(value), " ");
};
let last;
for (const model of params.models) {
    for (const cache of [true, false]) {
        try {
            const answer = await llm.complete({prompt: "Hi", model, cache, tools: [{name: "t"}],
                retry: {max_attempts: 2, base_delay_ms: 1}});
            show(model, answer);
            show("fields", JSON.stringify([answer.message, answer.metadata, answer.tool_calls]));
            await fs.write("told.txt", String(answer)).catch(() => {});
        } catch (error) {
            last = error;
            show(model, error);
            show("details", JSON.stringify(error.details) + error.stack);
        }
    }
    let whole = "";
    try {
        for await (const piece of llm.stream({prompt: "Hi", model, cache: true})) {
            whole += piece;
            console.write(piece);
        }
        show("stream", whole);
    } catch (error) { show("stream", whole + error); }
    try { show("embed", JSON.stringify(await llm.embed({input: "Hi", model}))); }
    catch (error) { show("embed", error); }
}
show("env", JSON.stringify(env));
if (params.fail) throw last;
return told;
"""
SPELLS = {"lua": ("a.lua", LUA), "javascript": ("a.js", JAVASCRIPT)}


@pytest.fixture
def server() -> Iterator[Server]:
    """A provider that tells the keys that it was sent."""
    with serving_in_a_thread() as server:
        yield server


@pytest.fixture
def planted(cli: Cli, server: Server) -> Cli:
    """The command, where keys are: in variables, in a file, in a keyring, and where litellm looks."""
    home = cli.folder / "home"
    home.mkdir()
    (home / "config.toml").write_text(CONFIG.format(address=server.address))
    (home / "key").write_text(KEYS["file"])
    (home / "key").chmod(0o600)
    plugins = cli.folder / "plugins"
    plugins.mkdir()
    (plugins / "ring.py").write_text(BACKEND.format(key=KEYS["keyring"]))
    cli.env |= {
        "LLMSPELL_CONFIG_DIR": str(home),
        "LLMSPELL_CACHE_DIR": str(cli.folder / "cache" / "models"),
        "PYTHONPATH": f"{plugins}:{cli.env.get('PYTHONPATH', '')}",
        "PYTHON_KEYRING_BACKEND": "ring.Ring",
        "ACME": KEYS["env"],
        "MISTRAL_API_KEY": KEYS["native"],
        "MISTRAL_API_BASE": f"{server.address}/v1",
        "ANTHROPIC_API_KEY": KEYS["other"],
        "ANTHROPIC_API_BASE": server.address,
        "LITELLM_LOG": "DEBUG",
    }
    return cli


def _written(cli: Cli) -> dict[str, bytes]:
    """Read every file below the command's folder, but for those that a key was put in."""
    own = {cli.folder / "home" / "key", cli.folder / "plugins" / "ring.py"}
    files = [it for it in cli.folder.rglob("*") if it.is_file() and it not in own]
    return {str(it): it.read_bytes() for it in files if "__pycache__" not in it.parts}


@pytest.mark.parametrize(
    ("language", "options", "fail"),
    [
        ("lua", ("--json", "--debug"), False),
        ("lua", ("--debug",), True),
        ("javascript", ("--json", "--debug"), True),
        ("javascript", ("--debug",), False),
    ],
    ids=["lua-json-done", "lua-text-failed", "javascript-json-failed", "javascript-text-done"],
)
def test_no_key_comes_out(
    planted: Cli,
    server: Server,
    language: str,
    options: tuple[str, ...],
    fail: bool,  # noqa: FBT001 - a table
) -> None:
    """Not on stdout or stderr, with tracebacks and litellm's logs; in no trace, cache or file."""
    name, text = SPELLS[language]
    planted.write(name, text)
    providers = ("openai", "files", "rings", "mistral", "anthropic")
    models = [f"{provider}/echo-{echo}" for provider in providers for echo in ECHOES]
    planted.write(
        "params.json", f'{{"models": {models}, "fail": {fail}}}'.replace("'", '"').lower()
    )
    more = ("--params-file", "params.json", "--trace", "trace.jsonl", "--max-cost", "none")
    grants = ("--allow-env", "--allow-write", "--max-llm-calls", "none")
    done = planted("run", name, *options, *more, *grants)
    assert done.returncode == (6 if fail else 0), done.stderr[-2000:]
    assert server.failed == []
    sent = {seen.headers.get("authorization", "") for seen in server.seen}
    sent |= {seen.headers.get("x-api-key", "") for seen in server.seen}
    assert {f"Bearer {key}" if key != KEYS["other"] else key for key in KEYS.values()} <= sent
    written = _written(planted)
    assert str(planted.folder / "trace.jsonl") in written
    assert any(file.endswith("answers.sqlite3") for file in written)
    places = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode(), **written}
    found = {place: list(leaks(KEYS.values(), data)) for place, data in places.items()}
    assert {place: said for place, said in found.items() if said} == {}
    everything = done.stdout + done.stderr
    for shown in ("ACME", "keyring llm, user me", "MISTRAL_API_KEY", "ANTHROPIC_API_KEY"):
        assert f"[redacted: {shown}]" in everything
    assert "Traceback" in done.stderr or not fail


READING = {
    "lua": """
llm.complete({prompt = "Hi", model = "files/gpt-4o"})
local key = fs.read("data/dot-env")
fs.write("copy.txt", key)
console.log(key) console.error(key) console.write(key) print(json.encode({key = key}))
pcall(llm.complete, {prompt = key, model = "files/gpt-4o"})
if params.fail == "true" then error("it is " .. key) end
return {[key] = key}
""",
    "javascript": """
await llm.complete({prompt: "Hi", model: "files/gpt-4o"});
const key = await fs.read("data/dot-env");
await fs.write("copy.txt", key);
console.log(key); console.error(key); console.write(key); console.log(JSON.stringify({key}));
await llm.complete({prompt: key, model: "files/gpt-4o"});
if (params.fail === "true") throw new Error("it is " + key);
return {[key]: key};
""",
}


@pytest.mark.parametrize(
    ("json", "fail"), [(("--json",), "false"), ((), "true")], ids=["json-done", "text-failed"]
)
@pytest.mark.parametrize("language", SPELLS)
def test_a_key_that_a_spell_may_read_is_its_own_and_shown_to_nobody(
    planted: Cli, language: str, json: tuple[str, ...], fail: str
) -> None:
    """It can copy the file that holds it, byte for byte; what it prints, returns, raises hides it."""
    name, _ = SPELLS[language]
    planted.write(name, READING[language])
    (planted.folder / "data").mkdir()
    (planted.folder / "data" / "dot-env").write_text(KEYS["file"])
    more = ("--param", f"fail={fail}", "--trace", "trace.jsonl", "--debug", "--max-cost", "none")
    done = planted("run", name, *json, *more, "--allow-read=data", "--allow-write=copy.txt")
    assert done.returncode == (1 if fail == "true" else 0), done.stderr
    assert (planted.folder / "copy.txt").read_text() == KEYS["file"]
    (planted.folder / "copy.txt").unlink()
    (planted.folder / "data" / "dot-env").unlink()
    places = {"stdout": done.stdout.encode(), "stderr": done.stderr.encode(), **_written(planted)}
    found = {place: list(leaks(KEYS.values(), data)) for place, data in places.items()}
    assert {place: said for place, said in found.items() if said} == {}
    assert "[redacted: file " in done.stdout + done.stderr
