"""Putting chaos into a bridge: a class made at run time, whose methods may fail."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from llmspell_core.bridge import Bridge, Handle
from llmspell_testkit.chaos_mode.dice import Dice, disconnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmspell_core.session import Session
    from llmspell_core.values import Value
    from llmspell_testkit.chaos_mode.dice import Fate

B = TypeVar("B", bound=Bridge)
_MARK = "__llmspell_chaos__"


def chaos(
    bridge: B,
    *,
    seed: int = 0,
    delay: float = 0.2,
    failure: float = 0.1,
    disconnect: float = 0.1,
    longest_delay_s: float = 0.01,
) -> B:
    """Let a bridge's methods be late, fail, and lose their answers; return the bridge.

    `delay`, `failure` and `disconnect` are how likely each is for one call, from 0 to 1. A call
    that fails never reaches the bridge; one that is disconnected does its work, and its answer is
    lost, or its stream breaks. The errors are retryable ones of networks and providers. Methods of
    the handles and builders of the bridge are treated alike. The bridge becomes an instance of a
    subclass with the same metadata; `dice_of` gives what decides, and its `points` what happened.
    """
    dice = Dice(
        seed,
        delay=delay,
        failure=failure,
        disconnect=disconnect,
        longest_delay_s=longest_delay_s,
    )
    return with_dice(bridge, dice)


def with_dice(bridge: B, dice: Dice) -> B:
    """Do what `chaos` does, with dice that several bridges may share."""
    _shake(bridge, dice, bridge.name)
    return bridge


def dice_of(bridge: Bridge) -> Dice:
    """Return what decides the fate of a bridge's calls.

    Raises:
        TypeError: there is no chaos in it.
    """
    dice = getattr(type(bridge), _MARK, None)
    if not isinstance(dice, Dice):
        text = f"the bridge `{bridge.name}` knows no chaos: make it so with chaos(bridge)"
        raise TypeError(text)
    return dice


def _shake(instance: Any, dice: Dice, name: str) -> None:
    cls = type(instance)
    if getattr(cls, _MARK, None) is not dice:
        instance.__class__ = _shaken(cls, dice, name)


def _shaken(cls: type, dice: Dice, name: str) -> type:
    """Make the subclass whose methods `dice` decide about; one for each class and dice."""
    known = dice.classes
    if cls in known:
        return known[cls]
    own: dict[str, Any] = {
        _MARK: dice,
        "__slots__": (),
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    for base in reversed(cls.__mro__):
        for member_name, member in vars(base).items():
            if hasattr(member, "__llmspell__"):
                own[member_name] = _Shaken(member, dice, f"{name}.{member_name}")
    if issubclass(cls, Bridge):
        own["for_run"] = _for_run(dice, name)
        own["call_member"] = _call_member(dice, name)
        own["builders"] = tuple(_shaken(b, dice, f"{name}.{b.name}") for b in cls.builders)
    known[cls] = made = type(cls.__name__, (cls,), own)
    return made


class _Shaken:
    """Stands where a method's function stood, with all that is read of a function.

    Only `dispatch` meets it: what the bridge's own code calls is the function itself.
    """

    def __init__(self, function: Any, dice: Dice, where: str) -> None:
        self._function = function
        self._dice = dice
        self._where = where
        for name in ("__doc__", "__module__", "__name__", "__qualname__", "__annotations__"):
            setattr(self, name, getattr(function, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __get__(self, instance: Any, owner: type) -> Any:
        return self._function.__get__(instance, owner)

    def __call__(self, owner: Any, *args: Any, **named: Any) -> Any:
        fate = self._dice.fate(self._where)
        if inspect.isasyncgenfunction(self._function):
            return self._stream(fate, self._function(owner, *args, **named))
        return self._answer(fate, owner, args, named)

    async def _answer(
        self, fate: Fate, owner: Any, args: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        await asyncio.sleep(fate.delay_s)
        if fate.failure is not None:
            raise fate.failure
        answer = await self._function(owner, *args, **named)
        return await _delivered(answer, fate, self._dice, self._where)

    async def _stream(self, fate: Fate, source: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            await asyncio.sleep(fate.delay_s)
            if fate.failure is not None:
                raise fate.failure
            index = 0
            async for item in source:
                if fate.lost and index == fate.break_at:
                    raise disconnected(self._where)
                yield item
                index += 1
        finally:
            await _closed(source)


async def _delivered(answer: Any, fate: Fate, dice: Dice, where: str) -> Any:
    """Lose an answer, or give it on with chaos in its methods; what is lost is closed."""
    if fate.lost:
        await _closed(answer)
        raise disconnected(where)
    if isinstance(answer, Handle):
        _shake(answer, dice, f"{where}().{answer.type_name}")
    return answer


async def _closed(answer: Any) -> None:
    close = answer.close if isinstance(answer, Handle) else getattr(answer, "aclose", None)
    if close is not None:
        await close()


def _for_run(dice: Dice, name: str) -> Any:
    def for_run(self: Any, session: Session) -> Bridge:
        cls: Any = next(cls for cls in type(self).__mro__ if not hasattr(cls, _MARK))
        own: Bridge = cls.for_run(self, session)
        _shake(own, dice, name)
        return own

    return for_run


def _call_member(dice: Dice, name: str) -> Any:
    async def call_member(self: Any, member: str, args: list[Value]) -> object:
        cls: Any = next(cls for cls in type(self).__mro__ if not hasattr(cls, _MARK))
        where = f"{name}.{member}"
        fate = dice.fate(where)
        await asyncio.sleep(fate.delay_s)
        if fate.failure is not None:
            raise fate.failure
        answer = await cls.call_member(self, member, args)
        return await _delivered(answer, fate, dice, where)

    return call_member
