"""Scripts that call a member as its example says, in each language the contract speaks.

A script gets the arguments as ``params.a0``, ``params.a1``, …, one list for each call on the way;
a text that stands for a function is replaced by one that returns its argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Key = str | int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the way: `method` of what the one before gave at `path`, with `count` values."""

    method: str
    count: int
    path: tuple[Key, ...] = ()


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """A builder to begin with: its name, how many values it takes, and its steps likewise."""

    name: str
    count: int
    steps: tuple[tuple[str, int], ...] = ()


def lua(bridge: str, build: Build | None, steps: Sequence[Step], *, gives: str) -> str:
    """Write the calls in Lua; the script gives the last value, its items, or that there is one."""
    lines = [_LUA_LIVE]
    number, value = 0, bridge
    if build is not None:
        lines.append(f"local b = {bridge}.{build.name}({_lua_args(0, build.count)})")
        number, value = 1, "b"
        for name, count in build.steps:
            lines.append(f"b:{name}({_lua_args(number, count)})")
            number += 1
    for index, step in enumerate(steps):
        where = value + "".join(
            f"[{key + 1}]" if isinstance(key, int) else f"[{key!r}]" for key in step.path
        )
        sign = "." if index == 0 and build is None else ":"
        call = f"({where}){sign}" if sign == ":" else f"{where}."
        lines.append(f"local v{index} = {call}{step.method}({_lua_args(number, step.count)})")
        value = f"v{index}"
        number += 1
    lines.append(
        {
            "value": f"return {value}",
            "items": (
                f"local items = {{}} for item in {value} do items[#items + 1] = item end "
                "return array(items)"
            ),
            "nothing": f"return {value} ~= nil",
        }[gives]
    )
    return "\n".join(lines)


_LUA_LIVE = """local function live(v)
  if type(v) == "string" and v:sub(1, 9) == "function(" then return function(x) return x end end
  if type(v) == "table" then for k, item in pairs(v) do v[k] = live(item) end end
  return v
end"""


def _lua_args(number: int, count: int) -> str:
    return ", ".join(f"live(params.a{number}[{i + 1}])" for i in range(count))


def javascript(bridge: str, build: Build | None, steps: Sequence[Step], *, gives: str) -> str:
    """Write the calls in JavaScript, names in camel case."""
    lines = [_JS_LIVE]
    number, value = 0, bridge
    if build is not None:
        lines.append(f"const b = {bridge}.{camel(build.name)}({_js_args(0, build.count)});")
        number, value = 1, "b"
        for name, count in build.steps:
            lines.append(f"b.{camel(name)}({_js_args(number, count)});")
            number += 1
    for index, step in enumerate(steps):
        where = value + "".join(f"[{key!r}]" for key in step.path)
        last = index == len(steps) - 1 and gives == "items"
        wait = "" if last else "await "
        call = f"{where}.{camel(step.method)}({_js_args(number, step.count)})"
        lines.append(f"const v{index} = {wait}{call};")
        value = f"v{index}"
        number += 1
    lines.append(
        {
            "value": f"return {value};",
            "items": (
                f"const items = []; for await (const item of {value}) items.push(item); "
                "return items;"
            ),
            "nothing": f"return {value} !== undefined;",
        }[gives]
    )
    return "\n".join(lines)


_JS_LIVE = """const live = (v) => {
  if (typeof v === "string" && v.startsWith("function(")) return (x) => x;
  if (Array.isArray(v)) return v.map(live);
  if (v && typeof v === "object" && Object.getPrototypeOf(v) === Object.prototype)
    return Object.fromEntries(Object.entries(v).map(([k, item]) => [k, live(item)]));
  return v;
};"""


def _js_args(number: int, count: int) -> str:
    return ", ".join(f"live(params.a{number}[{i}])" for i in range(count))


def camel(name: str) -> str:
    """Write a name as JavaScript does."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


SPEAKERS: dict[str, Any] = {"lua": lua, "javascript": javascript}
"""The languages that scripts can be written in; engines of others are not tried."""
