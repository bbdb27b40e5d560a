"""Keys in a program that embeds the runtime: its logs, its recorder, the exceptions it catches."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Budget, LlmspellError, Permissions, Runtime

sys.path.insert(0, str(Path(__file__).parent))
from canary import leaks
from server import ECHOES, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

KEYS = {
    "openai": "sk-canary-e07b1c52d9f84a36ae0715c8",
    "cohere": "canary/c5d1+f2e8a94b07=d63",
    "anthropic": "sk-canary-a2b7d5e1f8c34690b1d3e5f7",
    "gemini": "sk-canary-g9e8d7c6b5a4f3021e0d9c8b",
}
LUA = """
for _, call in ipairs(params.calls) do
    local done, answer = pcall(llm[call.method], call.args)
    console.log(answer, select(2, pcall(json.encode, done and answer or answer.details)))
end
local fails = {}
for piece in llm.stream(params.last) do fails[#fails + 1] = tostring(piece) end
return table.concat(fails)
"""
JAVASCRIPT = """
for (const {method, args} of params.calls) {
    try { console.log(JSON.stringify(await llm[method](args))); }
    catch (error) { console.log(error, JSON.stringify(error.details)); }
}
let all = "";
for await (const piece of llm.stream(params.last)) all += piece;
return all;
"""
SCRIPTS = {"lua": LUA, "javascript": JAVASCRIPT}
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)
CALLS: list[dict[str, Any]] = [
    {"method": "complete", "args": {"prompt": "Hi", "model": "openai/gpt-4o"}},
    {"method": "complete", "args": {"prompt": "Hi", "model": "anthropic/claude-3-opus-20240229"}},
    {"method": "complete", "args": {"prompt": "Hi", "model": "gemini/gemini-1.5-flash"}},
    {"method": "embed", "args": {"input": "Hi", "model": "openai/text-embedding-3-small"}},
    {"method": "images", "args": {"prompt": "An owl", "model": "openai/gpt-image-1"}},
    {"method": "speech", "args": {"text": "Hi", "model": "openai/tts-1"}},
    {"method": "transcription", "args": {"audio": WAV, "model": "openai/whisper-1"}},
    {"method": "moderation", "args": {"text": "Hi"}},
    {
        "method": "rerank",
        "args": {"query": "Hi", "documents": ["owls"], "model": "cohere/rerank-v3.5"},
    },
]


class Everything(logging.Handler):
    """Keeps every record of the process, formatted as a program's handler would."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A provider that tells the keys that it was sent."""
    async with serving() as server:
        yield server


@pytest.fixture
def logged() -> Iterator[Everything]:
    """All that anybody logs, with litellm and the libraries below it at their most talkative."""
    handler, names = Everything(), ("", "LiteLLM", "LiteLLM Router", "httpx", "httpcore", "openai")
    levels = {name: logging.getLogger(name).level for name in names}
    logging.getLogger().addHandler(handler)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler
    logging.getLogger().removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _settings(server: Server) -> dict[str, Any]:
    paths = {"openai": "/v1", "cohere": "/v1/rerank", "anthropic": "", "gemini": ""}
    return {
        "providers": {
            name: {"base_url": server.address + path, "api_key": KEYS[name]}
            for name, path in paths.items()
        }
    }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        yield from _chain(error.__context__)
        error = error.__cause__


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("language", SCRIPTS)
async def test_no_key_comes_out_of_a_runtime(
    server: Server, logged: Everything, capfd: Any, language: str, echo: str
) -> None:
    """Not in logs of libraries, recordings, what is printed, results, or exceptions and causes."""
    server.echo = echo
    recorded: list[Any] = []
    printed: list[Any] = []
    raised: list[str] = []
    params = {"calls": CALLS, "last": {"prompt": "Hi", "model": "openai/gpt-4o"}}
    settings = {"llm": _settings(server)}
    async with Runtime(settings=settings, budget=Budget.unlimited()) as runtime:
        try:
            result = await runtime.run(
                SCRIPTS[language],
                params,
                language=language,
                permissions=Permissions.everything(),
                recorder=recorded.append,
                on_log=lambda *said: printed.append(said),
            )
            printed.append(result.value)
        except LlmspellError as error:
            for link in _chain(error):
                raised += [repr(link), str(link), *traceback.format_exception(link)]
                raised += [str(vars(link))]
                frames = traceback.walk_tb(link.__traceback__)
                inner = [it for it, _ in frames if "/tests/" not in it.f_code.co_filename]
                raised += [str(frame.f_locals) for frame in inner]
        shown = [repr(runtime), repr(vars(runtime)), str(runtime._bridges._open["llm"].settings)]  # type: ignore[attr-defined]  # of `LlmBridge`
    sent = [value for seen in server.seen for value in seen.headers.values()]
    for name, key in KEYS.items():
        assert any(key in value for value in sent), f"{name} was not asked"
    assert any("LiteLLM" in line for line in logged.lines)
    places = {
        "logged": "\n".join(logged.lines),
        "recorded": repr(recorded),
        "printed": repr(printed),
        "raised": "\n".join(raised),
        "shown": "\n".join(shown),
        "streams": "".join(capfd.readouterr()),
    }
    found = {place: list(leaks(KEYS.values(), told)) for place, told in places.items()}
    assert {place: said for place, said in found.items() if said} == {}
    if echo in ("body", "error", "chunks"):
        assert "[redacted: key of openai]" in places["printed"] + places["raised"]


@pytest.mark.parametrize("model", ["openai/gpt-4o", "anthropic/claude-3-opus", "gemini/gemini-pro"])
async def test_a_redirect_takes_no_key_elsewhere(server: Server, model: str) -> None:
    """A provider that sends its callers on is an error; nobody else is called."""
    server.echo = "redirect"
    async with serving() as elsewhere:
        server.elsewhere = elsewhere.address
        settings = {"llm": _settings(server)}
        request = {"prompt": "Hi", "model": model}
        async with Runtime(settings=settings, budget=Budget.unlimited()) as runtime:
            for method in ("complete", "embed"):
                asked = {**request, "input": "Hi"} if method == "embed" else request
                asked.pop("prompt" if method == "embed" else "input", None)
                with pytest.raises(LlmspellError):
                    await runtime.run(f"return llm.{method}(params)", asked)
        assert server.seen
        assert elsewhere.seen == []
