"""llmspell-bridges alone: every bridge that it offers can be made, without its library."""

from __future__ import annotations

from llmspell_core.registry import installed

bridges = {name: plugin.load() for name, plugin in installed("llmspell.bridges").items()}
assert {"fs", "http", "llm"} <= set(bridges)
for name, bridge in bridges.items():
    assert bridge().name == name
