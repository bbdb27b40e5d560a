"""Engines that lose, change or swallow errors, and what was printed before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defects import defect
from snake import Run, Snake
from snake_watch import EndedError

from llmspell_core.errors import Frame, InternalError, LlmspellError, ScriptRuntimeError
from llmspell_core.permissions import Permissions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_core.session import Session
    from llmspell_core.values import Value

BRIDGE = (
    "callbacks-error-kind-kept",
    "errors-in-helper",
    "errors-permission",
    "errors-rethrown",
    "values-int-too-big",
)
LINES = ("errors-bridge-uncaught", "errors-in-function", "errors-in-helper", "callbacks-error-line")


@defect("errors-bridge-uncaught", *BRIDGE)
class RuntimeErrors(Run):
    """Makes an error of the script of a bridge's error that nobody caught."""

    def failure(self, error: BaseException) -> LlmspellError:
        made = super().failure(error)
        if made.bridge is None or made.kind == "limit":
            return made
        return ScriptRuntimeError(made.message, traceback=made.traceback, details=made.details)


@defect(
    "errors-runtime",
    "errors-in-function",
    "errors-logs-before",
    "errors-value-thrown",
    "errors-odd-text",
    "includes-error-place",
)
class InternalErrors(Run):
    """Gives a script's own error the wrong kind."""

    def failure(self, error: BaseException) -> LlmspellError:
        made = super().failure(error)
        if type(error) is Exception and not self.functions:
            return InternalError(made.message, traceback=made.traceback, details=made.details)
        return made


@defect("errors-runtime", *LINES, "includes-error-place", "syntax-error", "syntax-validate-error")
class OffByOne(Run):
    """Counts lines from 0."""

    def line(self, number: int) -> int:
        return number - 1


@defect("syntax-error", "syntax-validate-error")
class EarlySyntaxErrors(Run):
    """Places a syntax error a line too early, as an engine does that wraps scripts."""

    def compiled(self, script: str, name: str, *kind: Any) -> Any:
        self.early = True
        try:
            return super().compiled(script, name, *kind)
        finally:
            self.early = False

    def line(self, number: int) -> int:
        return number - getattr(self, "early", False)


@defect("errors-in-function", "errors-in-helper", "includes-error-place")
class NoTraceback(Run):
    """Tells the innermost line alone."""

    def frames(self, error: BaseException) -> tuple[Frame, ...]:
        return super().frames(error)[:1]


@defect("errors-in-function", "errors-in-helper", "includes-error-place")
class ReversedTraceback(Run):
    """Tells the outermost line first."""

    def frames(self, error: BaseException) -> tuple[Frame, ...]:
        return super().frames(error)[::-1]


@defect("errors-bridge-fields", "errors-in-helper", "streams-fail-midway")
class NeverAgain(Run):
    """Loses that a call may be tried again."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        try:
            return await super().call(target, method, sent)
        except LlmspellError as error:
            error.retryable = False
            raise


@defect("errors-bridge-fields", "errors-bridge-uncaught", "errors-rethrown")
class NoDetails(Run):
    """Loses an error's details."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        try:
            return await super().call(target, method, sent)
        except LlmspellError as error:
            if error.kind not in ("limit", "budget"):
                error.details = {}
            raise


@defect("errors-bridge-fields", "errors-permission", "errors-rethrown")
class NamelessCalls(Run):
    """Does not say which call failed."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        try:
            return await super().call(target, method, sent)
        except LlmspellError as error:
            error.bridge = error.method = None
            raise


@defect(
    "errors-runtime",
    "callbacks-error-line",
    "errors-in-function",
    "errors-logs-before",
    "errors-value-thrown",
    "errors-odd-text",
    "includes-error-place",
    "test_a_bridge_comes_and_goes",
)
class Swallowing(Run):
    """Ends without a word where a script fails."""

    async def execute(self, script: str, params: dict[str, Any]) -> Value:
        try:
            return await super().execute(script, params)
        except ScriptRuntimeError:
            return None


@defect("errors-value-thrown")
class TextErrors(Run):
    """Keeps of a raised value its text alone."""

    def failure(self, error: BaseException) -> LlmspellError:
        made = super().failure(error)
        if type(error) is Exception:
            made.details.pop("value", None)
        return made


@defect("errors-limit-not-caught")
class ForgivenLimits(Run):
    """Lets a script go on that caught what ends a run."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        try:
            return await super().call(target, method, sent)
        except LlmspellError as error:
            if error.kind == "budget":
                self.session.fatal = None
            raise

    async def execute(self, script: str, params: dict[str, Any]) -> Value:
        self.session.on_fatal = None
        return await super().execute(script, params)


@defect("errors-logs-before", "limits-log-too-long")
class LateLogs(Run):
    """Prints when the script has ended well."""

    def log(self, level: str, text: str) -> None:
        self.__dict__.setdefault("kept", []).append((level, text))

    def result(self, value: Any) -> Value:
        for level, text in getattr(self, "kept", ()):
            self.session.log(level, text)
        return super().result(value)


@defect("stdlib-console-levels")
class OneLevel(Run):
    """Prints everything at one level."""

    def log(self, level: str, text: str) -> None:
        super().log("warn" if level == "warn" else "log", text)


@defect("limits-log-within", "callbacks-print")
class MergedLogs(Run):
    """Prints the same line once."""

    printed = ""

    def log(self, level: str, text: str) -> None:
        if text != self.printed:
            super().log(level, text)
        self.printed = text


@defect("stdlib-console-containers")
class OwnNotation(Run):
    """Prints values in the language's own notation."""

    def joined(self, values: Sequence[Any]) -> str:
        return super().joined([str(it) if isinstance(it, dict) else it for it in values])


@defect("callbacks-error-reaches-the-bridge", "callbacks-error-kind-kept", "callbacks-error-line")
class SilentCallbacks(Run):
    """Answers null where a callback failed."""

    async def invoke(self, number: int, args: Sequence[Value]) -> Value:
        try:
            return await super().invoke(number, args)
        except LlmspellError as error:
            if error.kind == "limit":
                raise
            return None


@defect("callbacks-error-kind-kept")
class CallbackErrors(Run):
    """Makes an error of the script of every error in a callback."""

    def callback_failure(self, error: Exception) -> LlmspellError:
        made = self.failure(error)
        if made.kind == "limit":
            return made
        return ScriptRuntimeError(made.message, traceback=made.traceback)


@defect("errors-permission")
class AllPermitted(Run):
    """Grants what nobody granted."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        self.session.permissions = Permissions(read=True)
        return super().names(params)


@defect("syntax-error", "syntax-validate-error")
class LateSyntaxErrors(Snake):
    """Gives a syntax error the kind of one at run time."""

    async def check_syntax(self, script: str, name: str) -> None:
        try:
            await super().check_syntax(script, name)
        except LlmspellError as error:
            raise ScriptRuntimeError(error.message, traceback=error.traceback) from None

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        await self.check_syntax(script, session.name)
        return await super().run_script(script, params, session)


@defect(
    "errors-runtime",
    "callbacks-error-line",
    "errors-in-function",
    "errors-logs-before",
    "errors-value-thrown",
    "errors-odd-text",
    "includes-error-place",
    "callbacks-error-reaches-the-bridge",
    "test_a_bridge_comes_and_goes",
)
class Crashing(Run):
    """Lets an exception of its own out where a script fails."""

    def failure(self, error: BaseException) -> LlmspellError:
        made = super().failure(error)
        if isinstance(made, ScriptRuntimeError) and not isinstance(error, EndedError):
            raise KeyError(made.message)
        return made
