"""What a workflow imports, when, and what it says where that is not installed; and whom it tells."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

RUN = """
import asyncio, sys
from llmspell_bridges.workflow import WorkflowBridge
from llmspell_core import LlmspellError, Session
from llmspell_core.dispatch import call
from llmspell_core.values import BuilderRef, CallbackRef
async def run(method="run"):
    session = Session(bridges={"workflow": WorkflowBridge()})
    async def invoke(number, args): return 42
    session.invoker = invoke
    step = {"name": "a", "run": CallbackRef(1)}
    flow = BuilderRef("workflow", "sequential", [{"name": "f"}], [("add_step", [step])])
    try:
        return await call(session, "workflow", "sequential." + method, [flow])
    except LlmspellError as error:
        return f"{error.kind} {error}"
    finally:
        await session.close()
"""


def _run(code: str, **env: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **env},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_the_bridge_imports_no_library() -> None:
    """What `llmspell info` needs costs none, and opens none."""
    code = """
import sys
from llmspell_bridges.workflow import WorkflowBridge
WorkflowBridge.manifest()
heavy = {"langgraph", "jinja2", "langsmith", "jsonschema", "pydantic", "sqlite3", "watchfiles"}
print(heavy & set(sys.modules))
"""
    assert _run(code) == "set()"


def test_a_workflow_without_agents_imports_none_of_their_libraries() -> None:
    """Neither litellm nor pydantic-ai."""
    code = f"""{RUN}
print(asyncio.run(run())["output"], {{"litellm", "pydantic_ai", "openai"}} & set(sys.modules))
"""
    assert _run(code) == "42 set()"


def test_metadata_waits_for_no_import() -> None:
    """It is given up when the process ends without having used it."""
    code = f"""{RUN}
print(asyncio.run(run("metadata"))["name"])
"""
    assert _run(code) == "f"


def test_without_langgraph_a_workflow_says_what_to_install() -> None:
    """When it is run; it can still be described."""
    code = f"""{RUN}
sys.modules["langgraph"] = None
print(asyncio.run(run("metadata"))["kind"], asyncio.run(run()))
"""
    said = _run(code)
    assert said.startswith("sequential unsupported workflows need the package `langgraph")
    assert 'pip install "llmspell-bridges[workflow]"' in said


def test_nobody_is_told_of_a_run() -> None:
    """Where the environment asks langsmith to trace, a spell's workflow is not sent there."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_POST = do_PATCH = do_GET  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        code = f"""{RUN}
print(asyncio.run(run())["output"])
from langchain_core.tracers.langchain import wait_for_all_tracers
wait_for_all_tracers()
"""
        traced = {"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true"}
        keys = {"LANGSMITH_API_KEY": "x", "LANGSMITH_ENDPOINT": url, "LANGCHAIN_ENDPOINT": url}
        assert _run(code, **traced, **keys) == "42"
        server.shutdown()
    assert seen == []
