"""Interfaces, values, errors, limits, permissions and the runtime of llmspell.

Every public name is here; each is imported when it is first used, so that a program pays only
for what it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_core.asking import (
        Ask as Ask,
    )
    from llmspell_core.asking import (
        Question as Question,
    )
    from llmspell_core.asking import (
        Want as Want,
    )
    from llmspell_core.blocking import (
        BlockingEngine as BlockingEngine,
    )
    from llmspell_core.blocking import (
        BlockingSession as BlockingSession,
    )
    from llmspell_core.bridge import (
        Bridge as Bridge,
    )
    from llmspell_core.bridge import (
        Builder as Builder,
    )
    from llmspell_core.bridge import (
        Callback as Callback,
    )
    from llmspell_core.bridge import (
        Handle as Handle,
    )
    from llmspell_core.bridge import (
        method as method,
    )
    from llmspell_core.bridge import (
        methods_of as methods_of,
    )
    from llmspell_core.budget import (
        Budget as Budget,
    )
    from llmspell_core.budget import (
        Ledger as Ledger,
    )
    from llmspell_core.budget import (
        Reservation as Reservation,
    )
    from llmspell_core.budget import (
        Usage as Usage,
    )
    from llmspell_core.context import (
        CallContext as CallContext,
    )
    from llmspell_core.engine import (
        CAPABILITIES as CAPABILITIES,
    )
    from llmspell_core.engine import (
        TRAITS as TRAITS,
    )
    from llmspell_core.engine import (
        EngineConfig as EngineConfig,
    )
    from llmspell_core.engine import (
        EngineInfo as EngineInfo,
    )
    from llmspell_core.engine import (
        ScriptEngine as ScriptEngine,
    )
    from llmspell_core.errors import (
        AgentError as AgentError,
    )
    from llmspell_core.errors import (
        AuthenticationError as AuthenticationError,
    )
    from llmspell_core.errors import (
        BadResponseError as BadResponseError,
    )
    from llmspell_core.errors import (
        BudgetError as BudgetError,
    )
    from llmspell_core.errors import (
        CancelledSpellError as CancelledSpellError,
    )
    from llmspell_core.errors import (
        ConfigurationError as ConfigurationError,
    )
    from llmspell_core.errors import (
        ContextWindowError as ContextWindowError,
    )
    from llmspell_core.errors import (
        ConversionError as ConversionError,
    )
    from llmspell_core.errors import (
        FileSystemError as FileSystemError,
    )
    from llmspell_core.errors import (
        Frame as Frame,
    )
    from llmspell_core.errors import (
        InternalError as InternalError,
    )
    from llmspell_core.errors import (
        LimitError as LimitError,
    )
    from llmspell_core.errors import (
        LlmspellError as LlmspellError,
    )
    from llmspell_core.errors import (
        ModelNotFoundError as ModelNotFoundError,
    )
    from llmspell_core.errors import (
        NetworkError as NetworkError,
    )
    from llmspell_core.errors import (
        PermissionDeniedError as PermissionDeniedError,
    )
    from llmspell_core.errors import (
        PluginError as PluginError,
    )
    from llmspell_core.errors import (
        ProviderError as ProviderError,
    )
    from llmspell_core.errors import (
        RateLimitError as RateLimitError,
    )
    from llmspell_core.errors import (
        ScriptError as ScriptError,
    )
    from llmspell_core.errors import (
        ScriptRuntimeError as ScriptRuntimeError,
    )
    from llmspell_core.errors import (
        ScriptSyntaxError as ScriptSyntaxError,
    )
    from llmspell_core.errors import (
        ScriptTimeoutError as ScriptTimeoutError,
    )
    from llmspell_core.errors import (
        ToolError as ToolError,
    )
    from llmspell_core.errors import (
        UnsupportedError as UnsupportedError,
    )
    from llmspell_core.errors import (
        ValidationError as ValidationError,
    )
    from llmspell_core.errors import (
        WorkflowError as WorkflowError,
    )
    from llmspell_core.header import (
        Header as Header,
    )
    from llmspell_core.header import (
        parse_header as parse_header,
    )
    from llmspell_core.isolation import (
        IsolationReport as IsolationReport,
    )
    from llmspell_core.isolation import (
        IsolationWarning as IsolationWarning,
    )
    from llmspell_core.limits import (
        Limits as Limits,
    )
    from llmspell_core.permissions import (
        Permissions as Permissions,
    )
    from llmspell_core.policy import (
        Policy as Policy,
    )
    from llmspell_core.registry import (
        Plugin as Plugin,
    )
    from llmspell_core.registry import (
        installed as installed,
    )
    from llmspell_core.reload import (
        LiveSpell as LiveSpell,
    )
    from llmspell_core.runtime import (
        RunResult as RunResult,
    )
    from llmspell_core.runtime import (
        Runtime as Runtime,
    )
    from llmspell_core.secret import (
        Secret as Secret,
    )
    from llmspell_core.session import (
        Session as Session,
    )
    from llmspell_core.source import (
        Source as Source,
    )
    from llmspell_core.source import (
        read_source as read_source,
    )
    from llmspell_core.spell import (
        Spell as Spell,
    )
    from llmspell_core.sync import (
        SyncRuntime as SyncRuntime,
    )
    from llmspell_core.values import (
        Bounds as Bounds,
    )
    from llmspell_core.values import (
        CallbackRef as CallbackRef,
    )
    from llmspell_core.values import (
        Foreign as Foreign,
    )
    from llmspell_core.values import (
        TextRecord as TextRecord,
    )
    from llmspell_core.values import (
        Value as Value,
    )
    from llmspell_core.values import (
        check_value as check_value,
    )

_MODULES = {
    "asking": (
        "Ask",
        "Question",
        "Want",
    ),
    "blocking": (
        "BlockingEngine",
        "BlockingSession",
    ),
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
    "context": ("CallContext",),
    "engine": (
        "CAPABILITIES",
        "TRAITS",
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
        "FileSystemError",
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
    "reload": ("LiveSpell",),
    "isolation": ("IsolationReport", "IsolationWarning"),
    "limits": ("Limits",),
    "permissions": ("Permissions",),
    "policy": ("Policy",),
    "registry": (
        "Plugin",
        "installed",
    ),
    "runtime": (
        "RunResult",
        "Runtime",
    ),
    "secret": ("Secret",),
    "session": ("Session",),
    "source": (
        "Source",
        "read_source",
    ),
    "spell": ("Spell",),
    "sync": ("SyncRuntime",),
    "values": (
        "Bounds",
        "CallbackRef",
        "Foreign",
        "TextRecord",
        "Value",
        "check_value",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "CAPABILITIES",
    "TRAITS",
    "AgentError",
    "Ask",
    "AuthenticationError",
    "BadResponseError",
    "BlockingEngine",
    "BlockingSession",
    "Bounds",
    "Bridge",
    "Budget",
    "BudgetError",
    "Builder",
    "CallContext",
    "Callback",
    "CallbackRef",
    "CancelledSpellError",
    "ConfigurationError",
    "ContextWindowError",
    "ConversionError",
    "EngineConfig",
    "EngineInfo",
    "FileSystemError",
    "Foreign",
    "Frame",
    "Handle",
    "Header",
    "InternalError",
    "IsolationReport",
    "IsolationWarning",
    "Ledger",
    "LimitError",
    "Limits",
    "LiveSpell",
    "LlmspellError",
    "ModelNotFoundError",
    "NetworkError",
    "PermissionDeniedError",
    "Permissions",
    "Plugin",
    "PluginError",
    "Policy",
    "ProviderError",
    "Question",
    "RateLimitError",
    "Reservation",
    "RunResult",
    "Runtime",
    "ScriptEngine",
    "ScriptError",
    "ScriptRuntimeError",
    "ScriptSyntaxError",
    "ScriptTimeoutError",
    "Secret",
    "Session",
    "Source",
    "Spell",
    "SyncRuntime",
    "TextRecord",
    "ToolError",
    "UnsupportedError",
    "Usage",
    "ValidationError",
    "Value",
    "Want",
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
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
