"""The script's side of a run, in Python: functions that the host can call by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_core.values import CallbackRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_core import Session


class ScriptSide:
    """A run, seen from its script; what its functions are called with is kept in `called`."""

    def __init__(self, session: Session) -> None:
        """Let the session call the functions that `function` numbers."""
        self.session = session
        self.called: list[Any] = []
        self._functions: list[Callable[..., Any]] = []
        session.invoker = self._invoke

    def function(self, function: Callable[..., Any]) -> CallbackRef:
        """Number a function."""
        self._functions.append(function)
        return CallbackRef(len(self._functions), "f")

    async def _invoke(self, number: int, args: Any) -> Any:
        self.called.append(args[0])
        answer = self._functions[number - 1](*args)
        return await answer if hasattr(answer, "__await__") else answer
