"""Our engines and our bridges together do what the scenarios say."""

from __future__ import annotations

import pytest

from llmspell_testkit import IntegrationContract

pytestmark = [
    pytest.mark.filterwarnings("ignore:Accessing the 'model_"),  # litellm's own use of pydantic
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class"),
]


class TestScenarios(IntegrationContract):
    """Lua and JavaScript, over models, agents, tools, workflows, files and HTTP."""
