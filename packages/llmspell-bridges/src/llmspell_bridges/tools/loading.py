"""An installed tool, imported and checked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools.arguments import object_schema
from llmspell_bridges.tools.tool import Tool
from llmspell_core import LlmspellError, PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_core.registry import Plugin


async def load(plugin: Plugin, settings: Mapping[str, Any]) -> tuple[Tool, bool]:
    """Import what an entry point names, off the event loop; of a class, make the run's instance.

    Return the tool, and whether it was made for this run.

    Raises:
        PluginError: it cannot be imported, or is no tool; it names the distribution.
    """
    found: Any = await asyncio.to_thread(plugin.load)
    try:
        make: Any = getattr(found, "from_settings", None)
        tool = make(settings) if isinstance(found, type) else found
    except LlmspellError:
        raise
    except Exception as error:
        raise _broken(plugin, f"{type(error).__name__}: {error}") from error
    if not isinstance(tool, Tool):
        raise _broken(plugin, f"it is a {type(tool).__name__}, and no Tool")
    if tool.name != plugin.name:
        raise _broken(plugin, f"it calls itself `{tool.name}`")
    try:
        await object_schema(tool.parameters)
    except ValueError as error:
        raise _broken(plugin, f"its parameters: {error}") from error
    return tool, tool is not found


def _broken(plugin: Plugin, why: str) -> PluginError:
    text = f"the tool `{plugin.name}` of the distribution {plugin.distribution} is broken: {why}"
    return PluginError(text, distribution=plugin.distribution)
