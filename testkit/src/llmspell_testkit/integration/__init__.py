"""Scenarios: spells over engines and bridges, with all that they do to the world around them."""

from llmspell_testkit.integration.contract import IntegrationContract, settings_for
from llmspell_testkit.integration.scenario import Scenario, ScenarioExpected, load_scenarios
from llmspell_testkit.integration.spans import Span, recording_spans
from llmspell_testkit.integration.world import SideEffects, World

__all__ = [
    "IntegrationContract",
    "Scenario",
    "ScenarioExpected",
    "SideEffects",
    "Span",
    "World",
    "load_scenarios",
    "recording_spans",
    "settings_for",
]
