"""Every error a person or a program can meet, in one tree.

::

    LlmspellError
    ├── ScriptError                      the spell itself failed
    │   ├── ScriptSyntaxError            kind "syntax"; nothing was run
    │   └── ScriptRuntimeError           kind "runtime"
    ├── ConversionError                  kind "conversion"; `path`
    ├── ValidationError                  kind "validation"; `argument`
    ├── PermissionDeniedError            kind "permission"; `flag`
    ├── LimitError                       kind "limit"; `limit`, `value`, `option`
    │   └── ScriptTimeoutError           `limit` is "timeout"
    ├── BudgetError                      kind "budget"; `budget`, `value`, `option`
    ├── ProviderError                    kind "provider"; `provider`, `status_code`
    │   ├── AuthenticationError          kind "authentication"
    │   ├── RateLimitError               kind "rate_limit"; `retry_after_s`
    │   ├── ContextWindowError           kind "context_window"
    │   ├── ModelNotFoundError           kind "model_not_found"
    │   ├── NetworkError                 kind "network"
    │   └── BadResponseError             kind "bad_response"
    ├── FileSystemError                  kind "filesystem"; `path`, `reason`
    ├── AgentError                       kind "agent"
    ├── ToolError                        kind "tool"; `tool`
    ├── WorkflowError                    kind "workflow"; `step`
    ├── UnsupportedError                 kind "unsupported"; `capability`
    ├── PluginError                      kind "plugin"; `distribution`
    ├── ConfigurationError               kind "configuration"; `file`, `line`, `key`
    ├── CancelledSpellError              kind "cancelled"
    └── InternalError                    kind "internal": a mistake of ours or of a plugin's

An error crosses to a script as a record, see `docs/protocol.md`, "Error record".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmspell_core.values import Value


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One line of a script's traceback, in the user's own line numbers."""

    name: str
    line: int
    column: int | None = None
    function: str | None = None

    def __str__(self) -> str:
        """Show the frame as editors link it: ``name:line:column``."""
        column = "" if self.column is None else f":{self.column}"
        function = "" if not self.function else f" in {self.function}"
        return f"{self.name}:{self.line}{column}{function}"


class LlmspellError(Exception):
    """The root of all errors; `details` holds what belongs to its kind."""

    kind: ClassVar[str] = "internal"
    retryable_by_default: ClassVar[bool] = False
    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        message: str,
        *,
        retryable: bool | None = None,
        bridge: str | None = None,
        method: str | None = None,
        traceback: Sequence[Frame] = (),
        details: Mapping[str, Value] | None = None,
        **fields: Value,
    ) -> None:
        """Keep the message and the kind's own `fields`, each readable as an attribute too."""
        super().__init__(message)
        self.message = message
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.bridge = bridge
        self.method = method
        self.traceback: tuple[Frame, ...] = tuple(traceback)
        self.details: dict[str, Value] = dict(details or {})
        for name, value in fields.items():
            if name not in self.fields:
                text = f"{type(self).__name__} has no field {name!r}"
                raise TypeError(text)
            self.details[name] = value
        for name in self.fields:
            setattr(self, name, self.details.get(name))

    def __str__(self) -> str:
        """Show the message alone: what, where and remedy are its own business."""
        return self.message

    @property
    def location(self) -> Frame | None:
        """Where in the script it happened, innermost first; None when unknown."""
        return self.traceback[0] if self.traceback else None


class ScriptError(LlmspellError):
    """The spell itself failed."""

    kind = "runtime"


class ScriptSyntaxError(ScriptError, ValueError):
    """The spell cannot be parsed; nothing of it was run."""

    kind = "syntax"


class ScriptRuntimeError(ScriptError, RuntimeError):
    """The spell raised an error and nothing in it caught it."""

    kind = "runtime"


class ConversionError(LlmspellError, ValueError):
    """A value cannot cross between a script and the host; `path` says which part of it."""

    kind = "conversion"
    fields = ("path",)
    path: str | None


class ValidationError(LlmspellError, ValueError):
    """An argument of a call, or a parameter of a spell, is not what its type asks for."""

    kind = "validation"
    fields = ("argument",)
    argument: str | None


class PermissionDeniedError(LlmspellError, PermissionError):
    """The spell was not granted this; `flag` is the option that would grant it."""

    kind = "permission"
    fields = ("flag",)
    flag: str | None
    wants: tuple[tuple[str, str | None], ...] = ()
    """The effects and names to grant; empty where no grant helps. No script sees them."""
    because: str = ""
    """What whoever is asked should know besides: where a name leads, in a few words."""


class LimitError(LlmspellError):
    """The spell used more of the machine than it may; it cannot be caught away."""

    kind = "limit"
    fields = ("limit", "value", "option")
    limit: str
    value: float | None
    option: str | None


class ScriptTimeoutError(LimitError, TimeoutError):
    """The spell ran longer than its wall clock allows."""


class BudgetError(LlmspellError):
    """The spell spent what it may; it cannot be caught away."""

    kind = "budget"
    fields = ("budget", "value", "option")
    budget: str
    value: float | None
    option: str | None


class ProviderError(LlmspellError):
    """A model's provider refused, failed or answered nonsense."""

    kind = "provider"
    fields: ClassVar[tuple[str, ...]] = ("provider", "model", "status_code")
    provider: str | None
    model: str | None
    status_code: int | None


class AuthenticationError(ProviderError):
    """The provider has no key, or does not accept it; the message names the variable."""

    kind = "authentication"


class RateLimitError(ProviderError):
    """The provider asks to slow down; wait `retry_after_s` seconds where it says so."""

    kind = "rate_limit"
    retryable_by_default = True
    fields = ("provider", "model", "status_code", "retry_after_s")
    retry_after_s: float | None


class ContextWindowError(ProviderError):
    """The request holds more tokens than the model takes."""

    kind = "context_window"


class ModelNotFoundError(ProviderError):
    """No provider serves a model of this name."""

    kind = "model_not_found"


class NetworkError(ProviderError, ConnectionError):
    """The other side could not be reached, or went silent."""

    kind = "network"
    retryable_by_default = True


class BadResponseError(ProviderError):
    """The other side answered something that is not an answer."""

    kind = "bad_response"
    retryable_by_default = True


class FileSystemError(LlmspellError, OSError):
    """A file or folder could not be used; `reason` is a word for programs to branch on.

    One of ``not_found exists is_folder not_folder not_empty not_regular not_text read_only
    refused no_space too_large name busy changed io``.
    """

    kind = "filesystem"
    fields = ("path", "reason")
    path: str
    reason: str


class AgentError(LlmspellError):
    """An agent could not finish its task."""

    kind = "agent"


class ToolError(LlmspellError):
    """A tool failed; `tool` is its name."""

    kind = "tool"
    fields = ("tool",)
    tool: str | None


class WorkflowError(LlmspellError):
    """A workflow's step failed; `step` is its name."""

    kind = "workflow"
    fields = ("step",)
    step: str | None


class UnsupportedError(LlmspellError, NotImplementedError):
    """This engine, platform or library declines it; `capability` is what it lacks."""

    kind = "unsupported"
    fields = ("capability",)
    capability: str | None


class PluginError(LlmspellError, ImportError):
    """An installed plugin cannot be loaded; `distribution` is whose it is."""

    kind = "plugin"
    fields = ("distribution",)
    distribution: str | None


class ConfigurationError(LlmspellError, ValueError):
    """A configuration, a header or an option is wrong; `file`, `line` and `key` say where."""

    kind = "configuration"
    fields = ("file", "line", "key")
    file: str | None
    line: int | None
    key: str | None


class CancelledSpellError(LlmspellError):
    """The run was cancelled from outside."""

    kind = "cancelled"


class InternalError(LlmspellError):
    """A mistake of llmspell's or of a plugin's, not of the spell's."""

    kind = "internal"


def _tree(root: type[LlmspellError]) -> dict[str, type[LlmspellError]]:
    """Collect the first class of each kind, the outermost first."""
    found: dict[str, type[LlmspellError]] = {}
    for child in root.__subclasses__():
        if child is ScriptError:
            found.update({"syntax": ScriptSyntaxError, "runtime": ScriptRuntimeError})
            continue
        found.setdefault(child.kind, child)
        for kind, cls in _tree(child).items():
            found.setdefault(kind, cls)
    return found


KINDS: dict[str, type[LlmspellError]] = _tree(LlmspellError)
