"""The built-in functions and values of a spell, as data: ``llmspell info util.uuid`` shows them."""

from __future__ import annotations

import msgspec


class Builtin(msgspec.Struct, frozen=True, kw_only=True):
    """One function or value; `languages` are those that have it, `example` works in the first."""

    name: str
    signature: str
    description: str
    example: str
    languages: tuple[str, ...] = ("lua", "javascript")


def _log(level: str, use: str) -> Builtin:
    return Builtin(
        name=f"console.{level}",
        signature=f"console.{level}(...values)",
        description=f"Print values, separated by spaces, and end the line: {use}.",
        example=f'console.{level}("answer", 42)',
    )


def _math(name: str, signature: str, description: str, example: str) -> Builtin:
    return Builtin(
        name=f"math.{name}",
        signature=f"math.{signature}",
        description=f"{description} JavaScript's own `Math` stays as it is.",
        example=example,
        languages=("lua",),
    )


BUILTINS: tuple[Builtin, ...] = (
    _log("log", "on standard output"),
    _log("info", "on standard error"),
    _log("warn", "on standard error, marked as a warning"),
    _log("error", "on standard error, marked as an error"),
    _log("debug", "on standard error, where debugging output is shown"),
    Builtin(
        name="console.write",
        signature="console.write(text)",
        description="Print text as it is, without ending the line: for answers that stream.",
        example='console.write("piece by ")',
    ),
    Builtin(
        name="json.encode",
        signature="json.encode(value) -> string",
        description="Write a value as JSON; keys are sorted, so equal values give equal text.",
        example='json.encode({ answer = 42 }) -- {"answer":42}',
    ),
    Builtin(
        name="json.decode",
        signature="json.decode(text) -> value",
        description="Read JSON; an error names the place where the text is not JSON.",
        example="json.decode('{\"answer\": 42}').answer -- 42",
    ),
    _math("pow", "pow(x, y) -> number", "Raise `x` to the power `y`.", "math.pow(2, 10) -- 1024.0"),
    _math("random", "random([m [, n]]) -> number", "Draw from the run's seed.", "math.random(6)"),
    Builtin(
        name="util.uuid",
        signature="util.uuid() -> string",
        description="Make a UUID of version 4 from the run's seed: a repeated run repeats it.",
        example="util.uuid()",
    ),
    Builtin(
        name="util.now",
        signature="util.now() -> integer",
        description="Tell the time in milliseconds since 1970, as of the newest host answer.",
        example="util.now() // 1000 -- seconds",
    ),
    Builtin(
        name="util.base64",
        signature="util.base64.encode(data) -> string; util.base64.decode(text) -> bytes",
        description="Write text or bytes as base64, and read them back.",
        example='util.base64.encode("hi") -- aGk=',
    ),
    Builtin(
        name="util.hash",
        signature='util.hash(text, algorithm = "sha256") -> string',
        description="Digest text or bytes, as hexadecimal: by sha256, sha1 or md5.",
        example='util.hash("hi", "md5")',
    ),
    Builtin(
        name="util.sleep",
        signature="util.sleep(ms)",
        description="Wait that many milliseconds; other calls of the spell go on meanwhile.",
        example="util.sleep(500)",
    ),
    Builtin(
        name="util.retry",
        signature="util.retry(policy, function) -> what the function returned",
        description="Call a function until it raises no error; `max_attempts`, `on` and more say how.",
        example='util.retry({max_attempts = 5}, function() return llm.complete{prompt = "Hi"} end)',
    ),
    Builtin(
        name="params",
        signature="params.NAME",
        description="The parameters the spell was started with, checked against its header.",
        example='local topic = params.topic or "owls"',
    ),
    Builtin(
        name="env",
        signature="env.NAME",
        description="The environment variables granted with --allow-env; never a credential.",
        example='local model = env.LLM_MODEL or "gpt-4"',
    ),
    Builtin(
        name="async.all",
        signature="async.all({f1, f2, …}) -> list",
        description="Run functions at once and wait for all; the first error ends the wait.",
        example="local a = async.all({ function() return llm.complete('Hi') end })",
        languages=("lua",),
    ),
    Builtin(
        name="async.race",
        signature="async.race({f1, f2, …}) -> value",
        description="Run functions at once and take what the first to end gives, or raises.",
        example="async.race({ ask, function() util.sleep(1000) return 'late' end })",
        languages=("lua",),
    ),
    Builtin(
        name="async.any",
        signature="async.any({f1, f2, …}) -> value",
        description="Run functions at once and take the first that succeeds.",
        example="async.any({ ask_one, ask_other })",
        languages=("lua",),
    ),
    Builtin(
        name="async.spawn",
        signature="async.spawn(f, ...) -> task",
        description="Start a function in the background and go on.",
        example="local task = async.spawn(function() return llm.complete('Hi') end)",
        languages=("lua",),
    ),
    Builtin(
        name="null",
        signature="null",
        description="The null of JSON, where `nil` would remove the entry; it is truthy.",
        example="json.encode({ answer = null })",
        languages=("lua",),
    ),
    Builtin(
        name="array",
        signature="array(table) -> list",
        description="Mark a table as a list, which tells an empty list from an empty map.",
        example="json.encode(array {}) -- []",
        languages=("lua",),
    ),
    Builtin(
        name="require",
        signature='require("lib.helpers") -> value',
        description="Load another file of the project; the name must be written out.",
        example='local helpers = require("lib.helpers")',
    ),
)


def find(name: str) -> tuple[Builtin, ...]:
    """Find what `name` describes: one entry, or all of a group such as ``util``."""
    return tuple(b for b in BUILTINS if b.name == name or b.name.startswith(f"{name}."))
