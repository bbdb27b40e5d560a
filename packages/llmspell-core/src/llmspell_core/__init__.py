"""Interfaces, values, errors, limits, permissions and the runtime of llmspell.

Every public name is here; each is imported when it is first used, so that a program pays only
for what it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_core.bridge import (
        Bridge as Bridge,
        Builder as Builder,
        Callback as Callback,
        Handle as Handle,
        method as method,
        methods_of as methods_of,
    )
    from llmspell_core.budget import (
        Budget as Budget,
        Ledger as Ledger,
        Reservation as Reservation,
        Usage as Usage,
    )
    from llmspell_core.dispatch import (
        CallContext as CallContext,
    )
    from llmspell_core.engine import (
        CAPABILITIES as CAPABILITIES,
        EngineConfig as EngineConfig,
        EngineInfo as EngineInfo,
        ScriptEngine as ScriptEngine,
    )
    from llmspell_core.errors import (
        AgentError as AgentError,
        AuthenticationError as AuthenticationError,
        BadResponseError as BadResponseError,
        BudgetError as BudgetError,
        CancelledSpellError as CancelledSpellError,
        ConfigurationError as ConfigurationError,
        ContextWindowError as ContextWindowError,
        ConversionError as ConversionError,
        Frame as Frame,
        InternalError as InternalError,
        LimitError as LimitError,
        LlmspellError as LlmspellError,
        ModelNotFoundError as ModelNotFoundError,
        NetworkError as NetworkError,
        PermissionDeniedError as PermissionDeniedError,
        PluginError as PluginError,
        ProviderError as ProviderError,
        RateLimitError as RateLimitError,
        ScriptError as ScriptError,
        ScriptRuntimeError as ScriptRuntimeError,
        ScriptSyntaxError as ScriptSyntaxError,
        ScriptTimeoutError as ScriptTimeoutError,
        ToolError as ToolError,
        UnsupportedError as UnsupportedError,
        ValidationError as ValidationError,
        WorkflowError as WorkflowError,
    )
    from llmspell_core.header import (
        Header as Header,
        parse_header as parse_header,
    )
    from llmspell_core.limits import (
        Limits as Limits,
    )
    from llmspell_core.permissions import (
        Permissions as Permissions,
    )
    from llmspell_core.registry import (
        Plugin as Plugin,
        installed as installed,
    )
    from llmspell_core.runtime import (
        RunResult as RunResult,
        Runtime as Runtime,
    )
    from llmspell_core.session import (
        Session as Session,
    )
    from llmspell_core.source import (
        Source as Source,
        read_source as read_source,
    )
    from llmspell_core.sync import (
        SyncRuntime as SyncRuntime,
    )
    from llmspell_core.values import (
        Bounds as Bounds,
        TextRecord as TextRecord,
        Value as Value,
        check_value as check_value,
    )

_MODULES = {
    "bridge": (
        "Bridge",
        "Builder",
        "Callback",
        "Handle",
        "method",
        "methods_of",
    ),
    "budget": (
        "Budget",
        "Ledger",
        "Reservation",
        "Usage",
    ),
    "dispatch": (
        "CallContext",
    ),
    "engine": (
        "CAPABILITIES",
        "EngineConfig",
        "EngineInfo",
        "ScriptEngine",
    ),
    "errors": (
        "AgentError",
        "AuthenticationError",
        "BadResponseError",
        "BudgetError",
        "CancelledSpellError",
        "ConfigurationError",
        "ContextWindowError",
        "ConversionError",
        "Frame",
        "InternalError",
        "LimitError",
        "LlmspellError",
        "ModelNotFoundError",
        "NetworkError",
        "PermissionDeniedError",
        "PluginError",
        "ProviderError",
        "RateLimitError",
        "ScriptError",
        "ScriptRuntimeError",
        "ScriptSyntaxError",
        "ScriptTimeoutError",
        "ToolError",
        "UnsupportedError",
        "ValidationError",
        "WorkflowError",
    ),
    "header": (
        "Header",
        "parse_header",
    ),
    "limits": (
        "Limits",
    ),
    "permissions": (
        "Permissions",
    ),
    "registry": (
        "Plugin",
        "installed",
    ),
    "runtime": (
        "RunResult",
        "Runtime",
    ),
    "session": (
        "Session",
    ),
    "source": (
        "Source",
        "read_source",
    ),
    "sync": (
        "SyncRuntime",
    ),
    "values": (
        "Bounds",
        "TextRecord",
        "Value",
        "check_value",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AgentError",
    "AuthenticationError",
    "BadResponseError",
    "Bounds",
    "Bridge",
    "Budget",
    "BudgetError",
    "Builder",
    "CAPABILITIES",
    "CallContext",
    "Callback",
    "CancelledSpellError",
    "ConfigurationError",
    "ContextWindowError",
    "ConversionError",
    "EngineConfig",
    "EngineInfo",
    "Frame",
    "Handle",
    "Header",
    "InternalError",
    "Ledger",
    "LimitError",
    "Limits",
    "LlmspellError",
    "ModelNotFoundError",
    "NetworkError",
    "PermissionDeniedError",
    "Permissions",
    "Plugin",
    "PluginError",
    "ProviderError",
    "RateLimitError",
    "Reservation",
    "RunResult",
    "Runtime",
    "ScriptEngine",
    "ScriptError",
    "ScriptRuntimeError",
    "ScriptSyntaxError",
    "ScriptTimeoutError",
    "Session",
    "Source",
    "SyncRuntime",
    "TextRecord",
    "ToolError",
    "UnsupportedError",
    "Usage",
    "ValidationError",
    "Value",
    "WorkflowError",
    "check_value",
    "installed",
    "method",
    "methods_of",
    "parse_header",
    "read_source",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    module = _HOME.get(name)
    if module is None:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text)
    from importlib import import_module  # noqa: PLC0415 - only when a name is first used

    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
