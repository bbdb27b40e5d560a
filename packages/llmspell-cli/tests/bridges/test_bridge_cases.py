"""The contract's cases of bridges, in each language: real engines, real HTTP, a scripted server."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Fail, Match, Reply, ToolCall

from llmspell_core import Budget, Ledger, LlmspellError, Runtime
from llmspell_testkit.bridge_case import load_bridge_cases, request_problems
from llmspell_testkit.host import Outcome
from llmspell_testkit.loader import limits_of, permissions_of
from llmspell_testkit.verdict import problems, report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmspell_testkit.bridge_case import BridgeCase

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Accessing the 'model_"),  # litellm's own use of pydantic
    pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class"),
]
CASES = load_bridge_cases()
LANGUAGES = ("lua", "javascript")
ECHO = '''
from llmspell_bridges.tools import Tool


class Echo(Tool):
    """Gives back a text."""

    name = "contract_echo"
    description = "Gives back a text"
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

    async def call(self, arguments, ctx):
        return arguments["text"]
'''


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run the tests of the module on one asyncio loop: litellm keeps its clients by loop."""
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _echo(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Install the tool that cases about permissions use."""
    folder = tmp_path_factory.mktemp("plugins")
    info = folder / "contract_tools-1.0.dist-info"
    info.mkdir()
    entry = "[llmspell.tools]\ncontract_echo = contract_tools:Echo\n"
    (info / "entry_points.txt").write_text(entry)
    (folder / "contract_tools.py").write_text(ECHO)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that paths start from; what a case leaves there, the next one does not find."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
async def runtime(llmock_server: Any, web: Any, folder: Path) -> AsyncIterator[Runtime]:
    """One runtime for all cases; the server is the provider `openai`, at no cost."""
    llm = {
        "default_model": "openai/gpt-4o",
        "providers": {
            "openai": {"base_url": LLMock(llmock_server).base_url(), "api_key": "sk-not-a-key"}
        },
    }
    shelf = [str(Path(__file__).parent / "shelf_server.py")]
    others = {
        "mcp": {"shelf": {"command": sys.executable, "args": shelf}},
        "fs": {"root": str(folder)},
        "tools": {"web_search": {"base_url": f"http://{web.host}"}},
        "workflow": {"checkpoints": str(folder.with_name("checkpoints.sqlite"))},
    }
    async with Runtime(settings={"llm": llm, **others}) as runtime:
        yield runtime


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_case(  # noqa: PLR0917 - pytest's fixtures and parameters
    runtime: Runtime,
    llmock_server: Any,
    web: Any,
    folder: Path,
    case: BridgeCase,
    language: str,
) -> None:
    """The bridges do what the case says. If this fails, the report names the contract's page."""
    mock = LLMock(llmock_server).reset()
    for reply in case.replies:
        mock.add(_behaviour(reply))
    web.reset(case.pages)
    fill(folder, case.files)
    case = at_web(case, web.host)
    outcome = Outcome()
    try:
        result = await runtime.run(
            case.source[language], case.params, **_options(case, language, outcome)
        )
        outcome.value = result.value
    except LlmspellError as error:
        outcome.error = error
    bodies = [request.body for request in mock.requests]
    found = [*problems(case, outcome), *request_problems(case, bodies)]
    if case.expect.fetched is not None and web.seen != case.expect.fetched:
        found.append(f"fetched: {web.seen}")
    left = {name: text(folder / name) for name in case.expect.files}
    if left != case.expect.files:
        found.append(f"files: {left}")
    assert not found, report(language, case, case.source[language], outcome, found)


def text(path: Path) -> str | None:
    """Read a file that may be missing."""
    return path.read_text() if path.exists() else None


def fill(folder: Path, files: dict[str, str]) -> None:
    """Empty the folder, and put a case's files in it."""
    shutil.rmtree(folder)
    folder.mkdir()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def at_web(case: BridgeCase, host: str) -> BridgeCase:
    """Write the web server's address where a case has its name."""
    permissions = dict(case.permissions)
    if isinstance(permissions.get("net"), list):
        permissions["net"] = [it.replace("web.test", host) for it in permissions["net"]]
    source = {name: text.replace("web.test", host) for name, text in case.source.items()}
    return msgspec.structs.replace(case, permissions=permissions, source=source)


def _behaviour(reply: Any) -> Any:
    match = Match(model=reply.model)
    if reply.status is not None:
        return Fail(
            reply.status, message=reply.message, retry_after=reply.retry_after_s, match=match
        )
    calls = tuple(ToolCall(call.name, call.arguments) for call in reply.calls)
    return Reply(text=reply.text, tool_calls=calls, finish_reason=reply.finish_reason, match=match)


def _options(case: BridgeCase, language: str, outcome: Outcome) -> dict[str, Any]:
    budget: dict[str, Any] = dict(case.budget)
    options: dict[str, Any] = {
        "language": language,
        "permissions": permissions_of(case),
        "limits": limits_of(case),
        "ledger": Ledger(Budget(**budget)),
        "seed": case.seed,
        "clock_ms": case.clock_ms,
        "on_log": lambda level, text: outcome.logs.append((level, text)),
    }
    if case.answers is not None:
        answers = iter(case.answers)

        async def ask(_: Any) -> bool:
            return next(answers)

        options["ask"] = ask
    if case.stdin is not None:
        options["stdin"] = _lines(case.stdin)
    return options


async def _lines(lines: list[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line
