"""Tools that a spell defines: a schema, and a function of the script as handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.tools.tool import Tool
from llmspell_core import Callback

if TYPE_CHECKING:
    from llmspell_core import CallContext


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool as a script writes it where it is used."""

    name: str
    handler: Callback
    description: str = ""
    parameters: dict[str, Any] | None = None
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] | None = None


class ScriptTool(Tool):
    """A tool whose handler runs in the script's own sandbox, while the spell waits."""

    def __init__(
        self,
        name: str,
        description: str,
        parameters: dict[str, Any],
        handler: Callback,
        timeout_s: float | None,
    ) -> None:
        """Take what the spell said of it; `parameters` is checked by `ToolBox.define`."""
        self.name = name
        self.description = description
        self.parameters = parameters
        self.timeout_s = timeout_s
        self._handler = handler

    @property
    def permission(self) -> None:
        """A handler can do nothing that the spell could not do itself."""
        return

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:  # noqa: ARG002 - the handler's calls have contexts of their own
        """Call the script's function with one table: the arguments by name."""
        return await self._handler(arguments)
