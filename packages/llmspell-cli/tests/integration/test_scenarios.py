"""Our engines and our bridges together do what the scenarios say."""

from __future__ import annotations

import pytest

from llmspell_testkit import IntegrationContract

pytestmark = [
    pytest.mark.filterwarnings("ignore:Accessing the 'model_"),  # litellm's own use of pydantic
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class"),
    # litellm drops its own coroutine where a call is cancelled while a thread prepares it
    pytest.mark.filterwarnings(
        "ignore:.*OpenAIChatCompletion.acompletion:pytest.PytestUnraisableExceptionWarning"
    ),
]


class TestScenarios(IntegrationContract):
    """Lua and JavaScript, over models, agents, tools, workflows, files and HTTP."""

    chaos_seeds = range(20)
