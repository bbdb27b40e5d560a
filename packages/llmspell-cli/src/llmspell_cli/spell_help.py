"""What a spell says of itself, for ``llmspell run FILE --help`` and ``validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmspell_core.header import Header, Needs, Param


def describe(name: str, header: Header) -> str:
    """Show a header: the description, the parameters with their types, the declared needs."""
    if not header.declared:
        return f"{name} has no header: it takes any --param NAME=TEXT."
    lines = [f"{header.name or name}: {header.description}".rstrip(": ")]
    if header.params:
        lines += ["", "Parameters of this spell:"]
        width = max(len(_usage(key, param)) for key, param in header.params.items())
        lines += [
            f"  {_usage(key, param):{width}}  {_explain(param)}".rstrip()
            for key, param in header.params.items()
        ]
    needs = _needs(header.needs)
    if needs:
        lines += ["", "It asks for:", *(f"  {need}" for need in needs)]
    return "\n".join(lines)


def _usage(key: str, param: Param) -> str:
    sign = "=" if param.type in ("string", "integer", "number", "boolean") else ":="
    return f"--param {key}{sign}{param.type.upper()}"


def _explain(param: Param) -> str:
    notes = []
    if param.required and param.default is None:
        notes.append("required")
    if param.default is not None:
        notes.append(f"default: {_show(param.default)}")
    if param.choices is not None:
        notes.append("one of " + ", ".join(_show(choice) for choice in param.choices))
    return param.description + (f" [{'; '.join(notes)}]" if notes else "")


def _show(value: Any) -> str:
    from llmspell_cli.as_json import dump

    return value if isinstance(value, str) else dump(value).decode()


def _needs(needs: Needs) -> list[str]:
    flags = {
        "read": needs.read,
        "write": needs.write,
        "net": needs.net,
        "env": needs.env,
        "tool": needs.tools,
        "mcp": needs.mcp,
        "model": needs.models,
    }
    shown = [f"--allow-{effect}={','.join(names)}" for effect, names in flags.items() if names]
    return [*shown, "standard input"] if needs.stdin else shown
