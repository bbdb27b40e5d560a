"""`ToolBox`, found by ``toolbox(session)``: a run's tools, and the one door to call them through."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from llmspell_bridges.tools import arguments as args_
from llmspell_bridges.tools.failure import as_data, failed
from llmspell_bridges.tools.granting import permit
from llmspell_bridges.tools.handle import ToolHandle
from llmspell_bridges.tools.script import Definition, ScriptTool
from llmspell_core import (
    Callback,
    CallContext,
    Handle,
    LlmspellError,
    ToolError,
    ValidationError,
)
from llmspell_core.convert import convert
from llmspell_core.registry import installed
from llmspell_core.signature import nearest
from llmspell_core.telemetry import span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llmspell_bridges.tools.tool import Tool
    from llmspell_core import Session, Value
    from llmspell_core.registry import Plugin

    Approve = Callable[[dict[str, Any]], Awaitable[str | None]]

GROUP = "llmspell.tools"
RESERVED = frozenset({"define", "execute", "health", "list", "schema", "validate"})
"""What the bridge's own methods are called."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""What every provider takes for a tool's name."""
_HUMP = re.compile(r"(?<=[a-z0-9])[A-Z]")

_boxes: WeakKeyDictionary[Session, ToolBox] = WeakKeyDictionary()


def toolbox(session: Session) -> ToolBox:
    """Find the tools of a run, or make them; they are closed when the run ends."""
    box = _boxes.get(session)
    if box is None:
        named = session.bridges.get("tools")  # an agent has tools where the spell never names it
        settings = getattr(named, "settings", None) or session.settings.get("tools", {})
        box = _boxes[session] = ToolBox(session, settings)
        session.handles.add(box)
    return box


class ToolBox(Handle):
    """The tools of one run: installed ones, imported when first asked for, and those added."""

    type_name = "toolbox"

    def __init__(self, session: Session, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Import nothing yet; `settings` are the host's, by the tool's name."""
        self._session = ref(session)
        self._settings = settings
        self._tools: dict[str, Tool] = {}
        self._made: list[Tool] = []
        self._installed = installed(GROUP)
        self._turn = asyncio.Lock()

    @property
    def session(self) -> Session:
        """The run."""
        session = self._session()
        if session is None:
            raise AssertionError("the run is over")
        return session

    # -- what there is --------------------------------------------------------------------

    def names(self) -> list[str]:
        """List all tools by name, importing none."""
        return sorted({*self._installed, *self._tools})

    def known_as(self, name: str) -> str:
        """Find the tool that JavaScript calls ``webSearch``: ``web_search``, if that is one."""
        snake = _HUMP.sub(r"_\g<0>", name[:80]).lower()
        return snake if name not in self.names() and snake in self.names() else name

    def add(self, tool: Tool) -> ToolHandle:
        """Add a tool to the run; one that the run has added before gives way to it.

        Raises:
            ValidationError: its name is no name, or an installed tool's.
        """
        self.check_name(tool.name)
        self._tools[tool.name] = tool
        return ToolHandle(self, tool)

    async def define(
        self,
        name: str,
        description: str,
        parameters: dict[str, Any] | None,
        handler: Callback,
        timeout_s: float | None = None,
        *,
        where: str = "tools.define",
        add: bool = True,
    ) -> ToolHandle:
        """Make a tool of a script's function; with `add` it can be called by name as well.

        Raises:
            ValidationError: its name or its schema is none.
        """
        async with self._turn:  # whoever asks for the name meanwhile waits
            self.check_name(name, where)
            try:
                schema = await args_.object_schema(parameters)
            except ValueError as error:
                text = f"bad argument `parameters` to `{where}`: {error}"
                raise ValidationError(text, argument="parameters") from None
            tool = ScriptTool(name, description, schema, handler, timeout_s)
            return self.add(tool) if add else ToolHandle(self, tool)

    def check_name(self, name: str, where: str = "tools.define") -> None:
        """Refuse what can be no tool's name, or is an installed one's.

        Raises:
            ValidationError: it says why.
        """
        if not _NAME.fullmatch(name):
            what = "letters, digits, `_` and `-`, at most 64, not starting with a digit"
        elif name in RESERVED:
            what = f"`tools.{name}` is the bridge's own"
        elif name in self._installed:
            what = f"`{name}` is an installed tool; choose another name"
        else:
            return
        text = f"bad argument `name` to `{where}`: {name[:80]!r}: {what}"
        raise ValidationError(text, argument="name")

    async def get(self, name: str, argument: str = "name") -> Tool:
        """Find a tool by name; an installed one is imported first, off the event loop.

        `argument` is what the name was given as.

        Raises:
            ValidationError: there is none of this name.
            PluginError: it cannot be imported.
        """
        found = self._tools.get(name)
        if found is not None and not self._turn.locked():
            return found
        async with self._turn:
            found = self._tools.get(name)
            if found is None and name in self._installed:
                found = self._tools[name] = await self._load(self._installed[name])
        if found is None:
            text = f"unknown tool `{name[:80]}`{nearest(name[:80], self.names())}"
            raise ValidationError(text, argument=argument)
        return found

    async def resolve(self, item: object, where: str) -> Tool:
        """Find the tool that one item of a list of tools stands for.

        An item is a name, a tool that a script holds, or a definition with a `handler`; a tool so
        defined is not callable by name.

        Raises:
            ValidationError: it is none of these, or there is no such tool; `where` says whose list.
        """
        if isinstance(item, str):
            return await self.get(item, "tools")
        if isinstance(item, ToolHandle):
            return item.tool
        if isinstance(item, dict):
            given = convert(item, Definition, argument="tools", where=where)
            made = await self.define(
                given.name,
                given.description,
                given.parameters,
                given.handler,
                given.timeout_s,
                where=where,
                add=False,
            )
            return made.tool
        text = (
            f"bad argument `tools` to `{where}`: expected names, tools, or definitions with "
            f"`name` and `handler`, got {type(item).__name__}"
        )
        raise ValidationError(text, argument="tools")

    async def _load(self, plugin: Plugin) -> Tool:
        from llmspell_bridges.tools.loading import load

        tool, made = await load(plugin, self._settings.get(plugin.name, {}))
        if made:
            self._made.append(tool)
        return tool

    # -- what they do ---------------------------------------------------------------------

    def context(self, tool: Tool) -> CallContext:
        """Make what one call of `tool` sees of the run, with the effects it may ask for."""
        permission = tool.permission
        effects = tool.effects if permission is None else (permission[0], *tool.effects)
        return CallContext(self.session, f"tools.{tool.name}", effects)

    async def call(
        self, tool: Tool | str, arguments: dict[str, Any], approve: Approve | None = None
    ) -> Value:
        """Call a tool: permitted, checked, counted, bounded, and its failure told as one.

        `approve` is asked with the checked arguments before the call is made, and gives None, or
        why it may not be.

        Raises:
            ValidationError: no such tool, or its arguments do not fit; nothing was called.
            PermissionDeniedError: the run was not granted it, or what the tool needs.
            BudgetError: there were as many tool calls as the budget allows.
            ToolError: it was not approved, failed, took too long, or answered what is no data.
        """
        found = await self.get(tool) if isinstance(tool, str) else tool
        started, outcome, answer = time.perf_counter(), "cancelled", None
        with span("tool.call", {"llmspell.tool": found.name}):
            try:
                answer = await self._call(found, arguments, approve)
                outcome = "ok"
            except LlmspellError as error:
                outcome, answer = error.kind, error.message
                raise
            finally:
                self.session.record(
                    {
                        "event": "tool",
                        "tool": found.name,
                        "args": arguments,
                        "outcome": outcome,
                        "answer": answer,
                        "duration_s": round(time.perf_counter() - started, 6),
                    }
                )
        return answer

    async def _call(self, tool: Tool, arguments: dict[str, Any], approve: Approve | None) -> Value:
        ctx = self.context(tool)
        if tool.permission is not None:
            await permit(tool, tool.permission, arguments, ctx)
        fitting = await args_.checked(tool, arguments)
        why_not = None if approve is None else await approve(fitting)
        if why_not is not None:
            raise ToolError(f"the tool `{tool.name}` was not called: {why_not}", tool=tool.name)
        self.session.ledger.count_tool_call()
        clock = asyncio.timeout(tool.timeout_s)
        try:
            async with clock:
                with self.session.pausing(clock):  # a question takes as long as it takes
                    answer = await tool.call(fitting, ctx)
            return as_data(tool.name, answer)
        except Exception as error:
            if isinstance(error, TimeoutError) and clock.expired():
                text = f"the tool `{tool.name}` did not answer within {tool.timeout_s:g} s"
                raise ToolError(text, tool=tool.name) from None
            raise failed(tool.name, error) from error

    async def validate(self, tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
        """Check arguments without calling the tool."""
        try:
            await args_.checked(tool, arguments)
        except ValidationError as error:
            return {"valid": False, "errors": [error.message]}
        return {"valid": True, "errors": []}

    async def health(self, tool: Tool) -> dict[str, Any]:
        """Ask a tool whether it can be used."""
        try:
            await tool.health(self.context(tool))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is why the tool cannot be used
            return {"ok": False, "error": failed(tool.name, error).message}
        return {"ok": True}

    async def close(self) -> None:
        """Close the tools that were made for the run, the newest first."""
        session = self._session()
        if session is not None:
            _boxes.pop(session, None)
        while self._made:
            await self._made.pop().close()
