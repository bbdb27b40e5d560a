"""An agent made from what a script says, checked before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.agent import importing
from llmspell_bridges.agent.approval import check_approval
from llmspell_bridges.tools import toolbox
from llmspell_bridges.tools.arguments import object_schema
from llmspell_core import LlmspellError, ValidationError
from llmspell_core.permissions import denied
from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_bridges.agent.config import AgentConfig
    from llmspell_bridges.agent.door import ModelDoor
    from llmspell_bridges.agent.handle import AgentHandle
    from llmspell_bridges.tools import Tool
    from llmspell_core import CallContext

_CHOICES = ("auto", "none", "required")


async def make_agent(
    config: AgentConfig, items: Sequence[Any], door: ModelDoor, ctx: CallContext
) -> AgentHandle:
    """Make an agent with the tools that `items` stand for.

    Raises:
        ValidationError: something of it is wrong; it names the argument.
        UnsupportedError: it would ask for approval where nobody is.
    """
    from llmspell_bridges.agent.handle import AgentHandle  # it imports this module

    importing.start_import()  # while the script goes on
    tools = await resolved(items, ctx)
    return AgentHandle(await checked(config, tools, ctx), tools, door)


async def resolved(items: Sequence[Any], ctx: CallContext) -> list[Tool]:
    """Find an agent's tools; a list among them is a server's (``server:tools()``).

    Raises:
        ValidationError: one does not exist, or two have the same name.
    """
    box = toolbox(ctx.session)
    tools: dict[str, Tool] = {}
    flat = [each for item in items for each in (item if isinstance(item, list) else [item])]
    for item in flat:
        tool = await box.resolve(item, ctx.where)
        if tools.setdefault(tool.name, tool) is not tool:
            text = f"bad argument `tools` to `{ctx.where}`: two tools are called `{tool.name}`"
            raise ValidationError(text, argument="tools")
    return list(tools.values())


async def checked(config: AgentConfig, tools: Sequence[Tool], ctx: CallContext) -> AgentConfig:
    """Check what msgspec cannot: it needs the run, or takes time.

    Raises:
        ValidationError: it names the argument.
        UnsupportedError: it would ask for approval where nobody is.
    """
    check_approval(config, ctx.session)
    most = ctx.session.ledger.budget.agent_steps
    if config.max_steps is not None and most is not None and config.max_steps > most:
        what = f"the budget allows {most}; raise its setting `agent_steps`"
        raise _wrong("max_steps", ctx.where, what)
    names = [tool.name for tool in tools]
    choice = config.tool_choice
    if choice is not None and choice not in {*_CHOICES, *names}:
        raise _wrong("tool_choice", ctx.where, f"{choice[:80]!r}{nearest(choice[:80], names)}")
    if choice is not None and not tools and choice != "none":
        raise _wrong("tool_choice", ctx.where, "the agent has no tools")
    if config.schema is None:
        return config
    try:
        schema = await object_schema(config.schema)
    except ValueError as error:
        raise _wrong("schema", ctx.where, str(error)) from None
    return msgspec.structs.replace(config, schema=schema)


async def problems(
    config: AgentConfig, tools: Sequence[Tool], door: ModelDoor, ctx: CallContext
) -> list[str]:
    """List what keeps an agent from running here: its model, what was not granted, its tools."""
    found = []
    try:
        await door.model(ctx, config)
    except LlmspellError as error:
        found.append(error.message)
    for tool in tools:
        needed = tool.permission
        if needed is not None and not ctx.session.permissions.allows(*needed):
            found.append(denied(*needed).message)
            continue
        health = await toolbox(ctx.session).health(tool)
        found += [] if health["ok"] else [health["error"]]
    return found


def _wrong(argument: str, where: str, what: str) -> ValidationError:
    return ValidationError(f"bad argument `{argument}` to `{where}`: {what}", argument=argument)
