"""The bridge `tools`: what a spell asks of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from llmspell_bridges.tools.arguments import by_name
from llmspell_bridges.tools.box import ToolBox, toolbox
from llmspell_bridges.tools.handle import Arguments, ToolHandle, describe
from llmspell_core import Bridge, Callback, Session, method

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_core import Value

Name = Annotated[str, "The tool's name"]


class ToolsBridge(Bridge):
    """Tools: installed ones, and those that a spell defines; ``tools.NAME(…)`` calls one."""

    name = "tools"
    scope = "run"
    dynamic = True

    def __init__(
        self,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        session: Session | None = None,
    ) -> None:
        """Keep the host's settings, by the tool's name; `session` is the run's."""
        self.settings = settings or {}
        self._session = session or Session()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ToolsBridge:
        """Make the bridge from the host's configuration: a table for each tool."""
        return cls(settings)

    def for_run(self, session: Session) -> ToolsBridge:
        """Make the instance of one run."""
        return type(self)(self.settings, session)

    @property
    def box(self) -> ToolBox:
        """The run's tools."""
        return toolbox(self._session)

    async def call_member(self, name: str, args: list[Value]) -> object:
        """Call a tool by its name: ``tools.NAME(…)``; JavaScript may write it in camel case."""
        tool = await self.box.get(self.box.known_as(name))
        return await self.box.call(tool, by_name(tool, args))

    @method(
        example={
            "name": "shout",
            "description": "Say something loudly",
            "parameters": {"properties": {"text": {"type": "string"}}, "required": ["text"]},
            "handler": "function(args) return args.text:upper() end",
        },
        returns="The tool: for an agent's `tools`, and callable as `tools.NAME`",
    )
    async def define(
        self,
        name: Annotated[str, "What scripts and models call it"],
        *,
        handler: Annotated[Callback, "Called with a table of the arguments; gives the answer"],
        description: Annotated[str, "What it does, for the model that may use it"] = "",
        parameters: Annotated[dict[str, Any] | None, "JSON Schema of its arguments"] = None,
        timeout_s: Annotated[Annotated[float, Meta(gt=0)] | None, "Seconds for one call"] = None,
    ) -> ToolHandle:
        """Make a tool of a function of the script."""
        return await self.box.define(name, description, parameters, handler, timeout_s)

    @method(example={}, returns="The names, sorted")
    async def list(self) -> list[str]:  # noqa: A003 - this one is the builtin
        """List the tools that there are."""
        return self.box.names()

    @method(example={"name": "shout"}, returns="`name`, `description`, `parameters`")
    async def schema(self, name: Name) -> dict[str, Any]:
        """Describe a tool as models see it."""
        return describe(await self.box.get(name))

    @method(example={"name": "shout", "args": {"text": "hi"}}, returns="What the tool answers")
    async def execute(self, name: Name, args: Arguments = None) -> Any:
        """Call a tool by name, its arguments in a table."""
        return await self.box.call(name, args or {})

    @method(
        example={"name": "shout", "args": {"text": "hi"}},
        returns="`valid`, and `errors`, a list of texts",
    )
    async def validate(self, name: Name, args: Arguments = None) -> dict[str, Any]:
        """Check arguments without calling the tool."""
        return await self.box.validate(await self.box.get(name), args or {})

    @method(example={"name": "shout"}, returns="`ok`, and `error`, why it cannot be used")
    async def health(self, name: Name) -> dict[str, Any]:
        """Ask whether a tool can be used here."""
        return await self.box.health(await self.box.get(name))
