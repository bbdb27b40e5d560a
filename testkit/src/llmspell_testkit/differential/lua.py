"""Programs in Lua."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_testkit.differential.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_testkit.differential.program import Call


class LuaWriter(Writer):
    """Lua: a variable holds `null` where an answer is nil, which no table can hold."""

    prelude = ("local function N(v) if v == nil then return null end return v end",)

    def call(self, call: Call) -> str:
        """Write a call: it waits by itself."""
        args = ", ".join(self.expression(arg) for arg in call.args)
        return f"{f'{call.on}:' if call.on else 'probe.'}{call.method}({args})"

    def stream(self, call: Call) -> str:
        """Write a call."""
        return self.call(call)

    def param(self, name: str) -> str:
        """Write a parameter."""
        return f"N(params.{name})"

    def integer(self, value: int) -> str:
        """Write an integer: the smallest has no literal."""
        return "math.mininteger" if value == -(2**63) else str(value)

    def octets(self, value: bytes) -> str:
        """Write bytes: they are text."""
        return '"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'

    def sequence(self, items: Iterable[str]) -> str:
        """Write a list: an empty table would be a map."""
        inner = ", ".join(items)
        return f"{{{inner}}}" if inner else "array{}"

    def mapping(self, items: Iterable[tuple[str, str]]) -> str:
        """Write a map."""
        return "{" + ", ".join(f"[{self.text(key)}] = {item}" for key, item in items) + "}"

    def give(self, result: str) -> str:
        """Write the end of a block."""
        return f"return {result}"

    def let(self, name: str, call: str) -> list[str]:
        """Write `Let`."""
        return [f"local {name} = N({call})"]

    def attempt(self, name: str, call: str) -> list[str]:
        """Write `Attempt`."""
        return [
            f"local {name}_ok, {name} = pcall(function() return N({call}) end)",
            f'{name} = {name}_ok and {{"value", {name}}} or {{{name}.kind, {name}.message}}',
        ]

    def collect(self, name: str, stream: str, most: int) -> list[str]:
        """Write `Collect`."""
        return [
            f"local {name} = array{{}}",
            f"for item in {stream} do",
            f"  {name}[#{name} + 1] = N(item)",
            f"  if #{name} >= {most} then break end",
            "end",
        ]

    def apply(self, name: str, body: list[str], argument: str) -> list[str]:
        """Write `Apply`."""
        inner = [f"  {line}" for line in ["x = N(x)", *body]]
        return [f"local {name} = N(probe.apply(function(x)", *inner, f"end, {argument}))"]

    def together(self, name: str, blocks: list[list[str]]) -> list[str]:
        """Write `Together`."""
        lines = [f"local {name} = async.all({{"]
        for block in blocks:
            lines += ["  function()", *(f"    {line}" for line in block), "  end,"]
        return [*lines, "})"]

    def log(self, text: str) -> list[str]:
        """Write `Log`."""
        return [f"console.log({text})"]
