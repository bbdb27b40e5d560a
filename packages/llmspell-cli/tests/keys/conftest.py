"""What the tests of keys share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from llmspell_core.redact import redactor

KEY = "sk-canary-0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let litellm warn about its own use of pydantic: nothing of ours is behind it."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.filterwarnings("ignore:Accessing the 'model_"))
            item.add_marker(pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class"))


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio, as the runtime does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the process's redactor forget what a test has planted, and take the machine's keys away."""
    empty: dict[str, Any] = {"known": {}, "starts": {}, "_bytes": []}
    for name, value in empty.items():
        monkeypatch.setattr(redactor, name, value)
    for name in list(os.environ):
        ours = name.endswith(("_API_KEY", "_BASE_URL", "_API_BASE", "_TOKEN"))
        if ours or name.startswith(("AWS_", "GOOGLE_", "VERTEX")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
