"""The one place through which everything a spell does passes.

Lookup, permission, validation, budget, error mapping, spans and recording happen here, in this
order, for every call of every engine, and what goes back holds no key of the host's. A feature
that wants a second path is missing something here.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from llmspell_core.bridge import Bridge, Builder, Handle, methods_of
from llmspell_core.context import CallContext
from llmspell_core.convert import to_value
from llmspell_core.errors import (
    BudgetError,
    InternalError,
    LimitError,
    LlmspellError,
    PermissionDeniedError,
    ValidationError,
)
from llmspell_core.handles import Converted, Stream
from llmspell_core.permissions import denied
from llmspell_core.redact import redactor
from llmspell_core.signature import nearest
from llmspell_core.telemetry import span
from llmspell_core.values import BuilderRef, CallbackRef, HandleRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_core.session import Session
    from llmspell_core.signature import Method
    from llmspell_core.values import Value

RUNTIME = "runtime"
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
"""Types that hold no reference: most of what a script sends."""
_MAX_SLEEP_MS = 24 * 3600 * 1000


async def call(
    session: Session,
    target: str | int,
    method: str,
    args: Sequence[Value],
    *,
    references: bool = True,
) -> Value:
    """Answer one call of the script; every failure is an `LlmspellError`.

    `target` is a bridge's name or a handle's number. What ends the run (a limit, a budget) is
    told to the session before it is raised. Arguments without `references` need no second look,
    which takes 0.1 s for the largest ones.
    """
    if session.fatal is not None:
        raise session.fatal
    started = time.perf_counter()
    where = f"{target}.{method}" if isinstance(target, str) else method
    error: LlmspellError | None = None
    value: Value = None
    try:
        with span("bridge.call", {"llmspell.call": where}):
            try:
                value = await _answer(session, target, method, args, references=references)
            except LlmspellError:
                raise
            except Exception as raised:  # the boundary: nothing may pass untyped
                text = f"`{where}` failed: {type(raised).__name__}: {raised}"
                raise InternalError(text) from raised
    except LlmspellError as raised:
        error = raised
    except asyncio.CancelledError:
        _record(session, where, args, started, "cancelled")
        raise
    if error is None:
        _record(session, where, args, started, "ok", value)
        return value
    if session.policies is not None and isinstance(error, PermissionDeniedError):
        error = session.policies.explained(error, session)
    redactor.error(error)
    error.bridge = error.bridge or (target if isinstance(target, str) else None)
    error.method = error.method or method
    if isinstance(error, (BudgetError, LimitError)):
        session.fail(error)
    _record(session, where, args, started, error.kind, error.message)
    raise error


async def _answer(
    session: Session, target: str | int, method: str, args: Sequence[Value], *, references: bool
) -> Value:
    owner: Any
    if target == RUNTIME:
        return await _runtime(session, method, args)
    live = [_revive(session, arg) for arg in args] if references else list(args)
    if isinstance(target, int):
        owner = session.handles.get(target)
        where = f"{owner.type_name}:{method}"
    else:
        if target not in session.bridges:
            text = f"unknown bridge `{target}`{nearest(target, list(session.bridges))}"
            raise ValidationError(text)
        owner = await session.bridge(target)
        where = f"{target}.{method}"
        if "." in method:
            owner, method, live = _build(owner, method, live, where)
    found = methods_of(type(owner)).get(method)
    if found is None:
        if isinstance(owner, Bridge) and owner.dynamic:
            answer = await owner.call_member(method, live)
            return _to_value(session, answer)
        known = list(methods_of(type(owner)))
        text = f"unknown method `{where}`{nearest(method, known)}"
        raise ValidationError(text)
    try:
        return await _invoke(session, owner, found, live, where)
    finally:
        if isinstance(owner, Stream) and owner.ended and isinstance(target, int):
            # a script gives back only what it has not read to the end
            await session.handles.release(target)


async def _invoke(
    session: Session, owner: Any, found: Method, args: list[Any], where: str
) -> Value:
    for effect in found.effects:
        if not session.permissions.allows(effect):
            await _permit(session, owner, effect, args, where)
    positional, named = found.bind(args, where)
    if found.wants_context:
        named["ctx"] = CallContext(session, where, found.effects)
    result = found.function(owner, *positional, **named)
    # What it may read is its own, keys of the host's included: a file that was read and written
    # back has to be the same. What comes out of a stream was looked at when it went in.
    own = "read" in found.effects or isinstance(owner, Stream)
    if found.streams:
        return session.handles.add(Stream(Converted(result, partial(_to_value, session, own=own))))
    return _to_value(session, await result, own=own)


async def _permit(session: Session, owner: Any, effect: str, args: list[Any], where: str) -> None:
    """Let a method begin that may have what it needs, or will ask for it by name."""
    asking = session.asking
    if getattr(owner, "by_name", False) and (
        session.permissions.some(effect) or (asking is not None and asking.may_ask(effect))
    ):
        return

    async def check() -> None:
        if not session.permissions.allows(effect):
            refused = denied(effect, _named(effect, args), where=where)
            refused.wants = ((effect, None),)
            raise refused

    await session.permitted(check, where)


def _named(effect: str, args: Sequence[Any]) -> str | None:
    """Find what a refused call was about, so that its flag need not grant everything."""
    about = args[0] if args else None
    if not isinstance(about, str):
        return None
    if effect in ("read", "write", "mcp"):
        return about
    host = about.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return host or None if effect == "net" else None


def _to_value(session: Session, result: Any, *, own: bool = False) -> Value:
    """Make a script value of what a bridge returned; unless it is the spell's `own`, without keys."""
    value: Value = to_value(result, lambda item: _adopt(session, item))
    return redactor.value(value) if redactor.known and not own else value


def _adopt(session: Session, item: Any) -> Any:
    """Give a handle or a stream that a bridge returned its number."""
    if isinstance(item, Handle):
        return session.handles.add(item)
    if hasattr(item, "__aiter__"):
        return session.handles.add(Stream(Converted(item, partial(_to_value, session))))
    return item


def _revive(session: Session, value: Any) -> Any:
    """Replace the script's references by what they stand for."""
    if isinstance(value, list):
        return [i if type(i) in _PLAIN else _revive(session, i) for i in value]
    if isinstance(value, dict):
        return {k: v if type(v) in _PLAIN else _revive(session, v) for k, v in value.items()}
    if isinstance(value, CallbackRef):
        return session.callback(value.id, value.name)
    if isinstance(value, HandleRef):
        return session.handles.get(value.id)
    if isinstance(value, BuilderRef):
        return _builder(session, value)
    return value


def _builder(session: Session, ref: BuilderRef) -> Builder:
    """Make a builder's object from what the script recorded: its arguments, then each step."""
    bridge = session.bridges.get(ref.bridge)
    known = {cls.name: cls for cls in bridge.builders} if bridge else {}
    cls = known.get(ref.builder)
    where = f"{ref.bridge}.{ref.builder}"
    if cls is None:
        text = f"unknown builder `{where}`{nearest(ref.builder, list(known))}"
        raise ValidationError(text)
    args = [_revive(session, arg) for arg in ref.args]
    positional, named = cls.create_method().bind(args, where)
    built = cls(*positional, **named)
    steps = {name: cls.step_method(name) for name in cls.steps}
    for name, step_args in ref.steps:
        if name not in steps:
            text = f"unknown step `{where}:{name}`{nearest(name, cls.steps)}"
            raise ValidationError(text)
        live = [_revive(session, arg) for arg in step_args]
        positional, named = steps[name].bind(live, f"{where}:{name}")
        getattr(built, name)(*positional, **named)
    return built


def _build(owner: Any, method: str, live: list[Any], where: str) -> tuple[Any, str, list[Any]]:
    """Take ``sequential.run`` apart: the builder is the first argument, the rest are the call's."""
    builder, _, rest = method.partition(".")
    if live and isinstance(live[0], Builder) and live[0].name == builder:
        live[0].bridge = owner
        return live[0], rest, live[1:]
    text = f"`{where}` needs a `{builder}` builder as its first argument"
    raise ValidationError(text)


async def _runtime(session: Session, method: str, args: Sequence[Value]) -> Value:
    """Answer the host's own methods, see `docs/protocol.md`, "Reserved target"."""
    if method == "lines":
        return _lines(session)
    if method != "sleep":
        text = f"unknown method `runtime.{method}`; known: lines, sleep"
        raise ValidationError(text)
    ms = args[0] if args else None
    if isinstance(ms, bool) or not isinstance(ms, (int, float)) or not 0 <= ms <= _MAX_SLEEP_MS:
        text = "bad argument `ms` to `util.sleep`: expected milliseconds, from 0 to one day"
        raise ValidationError(text, argument="ms")
    await asyncio.sleep(ms / 1000)
    return None


def _lines(session: Session) -> Value:
    """Hand over standard input as a stream; all readers of a run share it."""
    if session.stdin is None:
        text = "console.lines: this run was given no standard input; give it with --stdin"
        raise ValidationError(text)
    return session.handles.add(Stream(session.stdin))


def _record(  # noqa: PLR0917 - one event has this many parts
    session: Session,
    where: str,
    args: Sequence[Value],
    started: float,
    outcome: str,
    answer: Any = None,
) -> None:
    if session.recorder is None:
        return
    session.record(
        {
            "event": "call",
            "call": where,
            "args": list(args),
            "outcome": outcome,
            "answer": answer,
            "duration_s": round(time.perf_counter() - started, 6),
        }
    )


__all__ = ["CallContext", "call"]
