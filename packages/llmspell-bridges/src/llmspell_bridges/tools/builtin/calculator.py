"""The tool `calculator`."""

from __future__ import annotations

import ast
import asyncio
import math
import operator
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import ToolError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_core import CallContext

MAX_BITS = 10_000
"""The longest whole number of a calculation: three thousand digits."""
_MAX_FACTORIAL = 1000
_EXACT = 2**53


class Calculator(Tool):
    """Evaluates an expression of numbers, by simpleeval."""

    name = "calculator"
    description = (
        "Calculate. Knows + - * / // % ^ (power), comparisons, parentheses, pi, e, and the "
        "functions abs ceil cos exp factorial floor gcd hypot log log10 log2 max min round sin sqrt "
        "tan and others of their kind. Angles are radians."
    )
    parameters = takes(
        {
            "expression": {
                "type": "string",
                "maxLength": 1000,
                "description": "Such as (1 + 2) * sqrt(9) / 4",
            }
        },
        "expression",
    )

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:  # noqa: ARG002 - it needs nothing of the run
        """Evaluate it; a whole number that no script holds exactly is given as text."""
        evaluator = await asyncio.to_thread(_evaluator)
        try:
            found = evaluator(arguments["expression"].strip().replace("^", "**"))
        except ZeroDivisionError:
            raise ToolError("this divides by zero") from None
        except OverflowError:
            raise ToolError("the result is too large for a number") from None
        except RecursionError:
            raise ToolError("the expression is nested too deeply") from None
        except Exception as error:  # noqa: BLE001 - simpleeval, ast and math raise what they like
            raise ToolError(f"not a calculation: {str(error)[:200]}") from None
        if isinstance(found, float) and not math.isfinite(found):
            raise ToolError("the result is not a number")
        return str(found) if isinstance(found, int) and abs(found) > _EXACT else found


@lru_cache(maxsize=1)
def _evaluator() -> Callable[[str], Any]:
    """Make what evaluates: its operators take numbers alone, and make no long ones."""
    try:
        simpleeval: Any = import_module("simpleeval")
    except ModuleNotFoundError as error:
        text = (
            "the tool `calculator` needs the package `simpleeval`; "
            'install it with: pip install "llmspell-bridges[tools]"'
        )
        raise UnsupportedError(text, capability="tools") from error
    operators: dict[Any, Any] = {kind: _of_numbers(do) for kind, do in _OPERATORS.items()}
    functions = {name: _of_numbers(do) for name, do in _functions().items()}
    names = {"pi": math.pi, "e": math.e, "tau": math.tau, "true": True, "false": False}

    def evaluate(expression: str) -> Any:
        found = simpleeval.SimpleEval(operators=operators, functions=functions, names=names)
        result = found.eval(expression)
        _check(result)
        return result

    return evaluate


def _of_numbers(do: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*given: Any) -> Any:
        for value in given:
            _check(value)
        return do(*given)

    return checked


def _check(value: Any) -> None:
    if not isinstance(value, (int, float)):
        raise TypeError("it calculates with numbers alone")
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise OverflowError


def _power(base: float, exponent: float) -> Any:
    bits = base.bit_length() if isinstance(base, int) else 0
    if isinstance(exponent, int) and bits > 1 and bits * abs(exponent) > MAX_BITS:
        raise OverflowError
    found = base**exponent
    if isinstance(found, complex):
        raise TypeError("the result is no real number")
    return found


def _factorial(n: float) -> int:
    if n > _MAX_FACTORIAL:
        raise OverflowError
    return math.factorial(n)  # type: ignore[arg-type]  # it says itself what it does not take


def _fitting_int(do: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    def checked(n: Any, k: Any) -> int:
        if n > _MAX_FACTORIAL:
            raise OverflowError
        return do(n, k)

    return checked


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
    ast.Not: operator.not_,
}


def _functions() -> dict[str, Callable[..., Any]]:
    of_math = (
        "acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh degrees exp floor gcd hypot lcm "
        "log log10 log2 radians sin sinh sqrt tan tanh trunc"
    )
    return {
        **{name: getattr(math, name) for name in of_math.split()},
        "abs": abs,
        "comb": _fitting_int(math.comb),
        "factorial": _factorial,
        "ln": math.log,
        "max": max,
        "min": min,
        "perm": _fitting_int(math.perm),
        "pow": _power,
        "round": round,
    }
