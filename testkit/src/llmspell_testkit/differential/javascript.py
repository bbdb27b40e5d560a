"""Programs in JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_testkit.differential.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_testkit.differential.program import Call

_BEYOND = 2**53


class JavaScriptWriter(Writer):
    """JavaScript: what a number cannot hold is a BigInt."""

    def call(self, call: Call) -> str:
        """Write a call that is awaited."""
        return f"await {self.stream(call)}"

    def stream(self, call: Call) -> str:
        """Write a call."""
        args = ", ".join(self.expression(arg) for arg in call.args)
        return f"{call.on or 'probe'}.{call.method}({args})"

    def param(self, name: str) -> str:
        """Write a parameter."""
        return f"params.{name}"

    def integer(self, value: int) -> str:
        """Write an integer."""
        return str(value) if -_BEYOND < value < _BEYOND else f"{value}n"

    def number(self, value: float) -> str:
        """Write a float."""
        return "-0" if value == 0 else super().number(value)

    def octets(self, value: bytes) -> str:
        """Write bytes."""
        return f"new Uint8Array([{', '.join(str(byte) for byte in value)}])"

    def sequence(self, items: Iterable[str]) -> str:
        """Write a list."""
        return f"[{', '.join(items)}]"

    def mapping(self, items: Iterable[tuple[str, str]]) -> str:
        """Write a map: computed keys, because a plain ``__proto__`` is none."""
        return "{" + ", ".join(f"[{self.text(key)}]: {item}" for key, item in items) + "}"

    def give(self, result: str) -> str:
        """Write the end of a block."""
        return f"return {result};"

    def let(self, name: str, call: str) -> list[str]:
        """Write `Let`."""
        return [f"const {name} = {call};"]

    def attempt(self, name: str, call: str) -> list[str]:
        """Write `Attempt`."""
        return [
            f"let {name};",
            f'try {{ {name} = ["value", {call}]; }}',
            f"catch (err) {{ {name} = [err.kind, err.message]; }}",
        ]

    def collect(self, name: str, stream: str, most: int) -> list[str]:
        """Write `Collect`."""
        return [
            f"const {name} = [];",
            f"for await (const item of {stream}) {{",
            f"  {name}.push(item);",
            f"  if ({name}.length >= {most}) break;",
            "}",
        ]

    def apply(self, name: str, body: list[str], argument: str) -> list[str]:
        """Write `Apply`."""
        inner = [f"  {line}" for line in body]
        return [f"const {name} = await probe.apply(async (x) => {{", *inner, f"}}, {argument});"]

    def together(self, name: str, blocks: list[list[str]]) -> list[str]:
        """Write `Together`."""
        lines = [f"const {name} = await Promise.all(["]
        for block in blocks:
            lines += ["  (async () => {", *(f"    {line}" for line in block), "  })(),"]
        return [*lines, "]);"]

    def log(self, text: str) -> list[str]:
        """Write `Log`."""
        return [f"console.log({text});"]
