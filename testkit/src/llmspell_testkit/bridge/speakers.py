"""The speakers that the testkit brings: Lua's and JavaScript's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_testkit.bridge.speak import CallChain, Speaker


def lua(chain: CallChain) -> str:
    """Write the calls in Lua."""
    bridge, build, steps = chain.bridge, chain.build, chain.steps
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
        }[chain.gives]
    )
    return "\n".join(lines)


_LUA_LIVE = """local function live(v)
  if type(v) == "string" and v:sub(1, 9) == "function(" then return function(x) return x end end
  if type(v) == "table" then for k, item in pairs(v) do v[k] = live(item) end end
  return v
end"""


def _lua_args(number: int, count: int) -> str:
    return ", ".join(f"live(params.a{number}[{i + 1}])" for i in range(count))


def javascript(chain: CallChain) -> str:
    """Write the calls in JavaScript, names in camel case."""
    bridge, build, steps = chain.bridge, chain.build, chain.steps
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
        last = index == len(steps) - 1 and chain.gives == "items"
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
        }[chain.gives]
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


SPEAKERS: dict[str, Speaker] = {"lua": lua, "javascript": javascript}
"""By the engine's name; every other engine brings its own, see `EngineContract.speaker`."""
