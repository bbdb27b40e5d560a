"""What a tool is.

A distribution names a subclass, or an instance, under the entry point ``llmspell.tools``::

    class Shout(Tool):
        name = "shout"
        description = "Say something loudly"
        parameters = {
            "type": "object",
            "properties": {"text": {"type": "string", "description": "What to say"}},
            "required": ["text"],
        }

        async def call(self, arguments: dict[str, Any], ctx: CallContext) -> str:
            return arguments["text"].upper()

Whoever calls it (a script, an agent, a workflow) does so through `ToolBox.call`: the permission,
the arguments' check, the budget, the time limit and the mapping of errors are done there, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext, PermissionDeniedError

NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
"""The parameters of a tool that takes none."""


class Tool(ABC):
    """The base of all tools.

    `name` is what scripts and models call it by: letters, digits, ``_`` and ``-``, at most 64.
    `description` tells a model when to use it. `parameters` is the JSON Schema of an object. A call
    by position takes the schema's `required` names in their order, then the other properties.
    `effects` is what a call may ask for through ``ctx.ask`` beside what `permission` says: ``read``,
    ``net``, … `timeout_s` bounds one call; None is the run's own wall clock.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = NOTHING
    effects: tuple[str, ...] = ()
    timeout_s: float | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:  # noqa: ARG003 - for subclasses
        """Make the instance of one run from the host's configuration of this tool."""
        return cls()

    @property
    def permission(self) -> tuple[str, str] | None:
        """The effect and the name that a call needs granted; None where it needs nothing."""
        return ("tool", self.name)

    @abstractmethod
    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Do it: `arguments` fit `parameters`, the permission is given, the call is counted.

        Return text, data, or an image: ``{"type": "image", "data": bytes, "mime_type": "image/png"}``.
        What is raised becomes a `ToolError`, but for what ends a run or was not permitted. Being
        cancelled is how a time limit and the end of a run arrive.
        """

    async def refusal(
        self,
        arguments: dict[str, Any],  # noqa: ARG002 - for subclasses
        ctx: CallContext,  # noqa: ARG002 - for subclasses
    ) -> PermissionDeniedError | None:
        """Say how a call with these `arguments` would be refused, its `permission` aside.

        It is asked where `permission` is not granted, so that one error names all that is missing.
        Nobody is asked for anything in here.
        """
        return None

    async def health(self, ctx: CallContext) -> None:
        """Raise an error that says why it cannot be used: a key that is missing, a server down."""

    async def close(self) -> None:
        """Give back what it holds, at the end of the run that `from_settings` made it for.

        An instance named by an entry point serves every run, and is not closed.
        """
