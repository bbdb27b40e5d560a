"""Engines whose other methods, capabilities and includes are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from defects import declining, defect
from snake import Run, Snake

from llmspell_core.errors import ScriptRuntimeError, UnsupportedError
from llmspell_core.session import Session

if TYPE_CHECKING:
    from llmspell_core.values import HandleRef, TextRecord, Value


@defect("syntax-validate")
class ValidationRuns(Snake):
    """Runs a script to see whether it is one."""

    async def check_syntax(self, script: str, name: str) -> None:
        await super().check_syntax(script, name)
        await super().run_script(script, {}, Session(name=name))


@defect("syntax-validate-error")
class ValidationAccepts(Snake):
    """Takes every text for a script."""

    async def check_syntax(self, script: str, name: str) -> None:
        return


@defect("syntax-crlf")
class UnixLines(Run):
    """Takes no CR LF for the end of a line."""

    def compiled(self, script: str, name: str, *kind: Any) -> Any:
        return super().compiled(script.replace("\r\n", "\f "), name, *kind)


@defect("includes-once", "includes-error-place", "includes-function")
class IncludedTwice(Run):
    """Runs an included spell each time it is required."""

    def require(self, name: str) -> Any:
        self.included.pop(name, None)
        return super().require(name)


@defect("includes-error-place")
class NamelessIncludes(Run):
    """Gives an included spell the name of the spell itself."""

    def compiled(self, script: str, name: str, *kind: Any) -> Any:
        return super().compiled(script, self.session.name, *kind)


@defect("includes-function", "includes-error-place", "includes-once")
class WrongIncludes(Run):
    """Looks for an included spell under its file's name."""

    def require(self, name: str) -> Any:
        return super().require(name.replace(".", "/"))


@defect("test_capabilities_are_documented")
class Misspelt(Snake):
    """Claims what nobody has heard of."""

    info = msgspec.structs.replace(Snake.info, capabilities=Snake.info.capabilities | {"int_64"})


@defect("test_info_is_complete")
class Nameless(Snake):
    """Does not say what its language is called."""

    info = msgspec.structs.replace(Snake.info, language="")


@defect("declined-callbacks", declines="callbacks")
class SilentlyWithoutCallbacks(Run):
    """Sends null in the place of a function, and says nothing."""

    def callback(self, function: Any) -> Any:
        return None


@defect("declined-int64", declines="int64")
class SilentlyRounding(Run):
    """Rounds an integer that it says it cannot hold."""

    def scalar_to(self, value: Any) -> Any:
        return float(value) if type(value) is int and abs(value) > 2**53 else value


@defect("declined-handles", declines="handles")
class SilentlyWithoutHandles(Run):
    """Shows the number of an object that it says it cannot hold."""

    def handle(self, ref: HandleRef) -> Any:
        return ref.id if ref.type == "counter" else super().handle(ref)


@defect("declined-streams", declines="streams")
class SilentlyWithoutStreams(Run):
    """Reads a stream that it says it cannot hold, and gives a list."""

    def needs(self, capability: str) -> None:
        if capability != "streams":
            super().needs(capability)

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        answer = await super().call(target, method, sent)
        if method == "stream":
            return [item async for item in answer]
        return answer


@defect("declined-text-records", declines="text_records")
class SilentlyWithoutRecords(Run):
    """Drops the fields of a record that it says it cannot hold."""

    def record_to(self, value: TextRecord) -> Any:
        return str(value)


@defect("test_a_limit_is_held_or_refused[hard_timeout]")
class DeafToLimits(Snake):
    """Takes a limit that it claims to hold for a kind word."""

    def set_timeout(self, timeout_s: float | None) -> None:
        return


@defect("test_a_limit_is_held_or_refused[memory_limit]")
class PretendingLimit(Snake):
    """Takes a limit that it declines to hold."""

    info = declining("memory_limit")

    def set_memory_limit(self, memory_bytes: int | None) -> None:
        self.limits = msgspec.structs.replace(self.limits, memory_bytes=memory_bytes)


@defect("test_a_bridge_comes_and_goes")
class StickyBridges(Snake):
    """Keeps a bridge that was taken away."""

    def unregister_bridge(self, name: str) -> None:
        return


@defect("test_a_file_runs")
class FilesWithoutParams(Snake):
    """Runs a file without its parameters."""

    async def execute_file(self, path: Any, params: Any = None) -> Value:
        return await super().execute_file(path, {"name": "nobody"})


@defect("declined-concurrency", declines="concurrency")
class SilentlyInTurn(Run):
    """Does one after the other what it says it cannot do at once."""

    def needs(self, capability: str) -> None:
        if capability != "concurrency":
            super().needs(capability)


@defect("declined-includes", declines="includes")
class VagueRefusal(Run):
    """Refuses what it declines as if the script were wrong."""

    def needs(self, capability: str) -> None:
        try:
            super().needs(capability)
        except UnsupportedError as error:
            raise ScriptRuntimeError(error.message) from None


@defect(
    "streams-all",
    "streams-as-they-come",
    "streams-break",
    "streams-fail-midway",
    "streams-long",
    "limits-handles-are-held-at-once",
)
class ClaimedStreams(Run):
    """Claims streams, and refuses them."""

    def handle(self, ref: HandleRef) -> Any:
        if ref.type == "stream":
            raise UnsupportedError("no streams yet", capability="streams")
        return super().handle(ref)
