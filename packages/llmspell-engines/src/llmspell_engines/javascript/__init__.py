"""The JavaScript engine: V8 through mini-racer, in workers.

The engine class is imported when it is first asked for: the worker imports this package too, and
must not pay for the host's side.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.javascript.engine import JavaScriptEngine as JavaScriptEngine

__all__ = ["JavaScriptEngine"]


def __getattr__(name: str) -> object:
    """Import the engine on first use (PEP 562)."""
    if name == "JavaScriptEngine":
        from llmspell_engines.javascript.engine import JavaScriptEngine

        return JavaScriptEngine
    text = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(text)
