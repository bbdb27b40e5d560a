"""What ``llmspell info`` says of one method, and of what a spell puts together step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_core.bridge import methods_of
from llmspell_core.errors import ConfigurationError
from llmspell_core.signature import Method, nearest

if TYPE_CHECKING:
    from llmspell_core.bridge import Builder


class Making(Method):
    """The making of a builder, described as if it were a method of the bridge."""

    def __init__(self, builder: type[Builder]) -> None:
        """Read the builder's own arguments."""
        super().__init__(builder.name, builder.__init__, {"returns": "What has these methods"})
        self._about = summary(builder)

    @property
    def description(self) -> str:
        """What the class says of itself."""
        return self._about


def builder_topic(
    topic: str, bridge: str, made: type[Builder], member: str
) -> tuple[dict[str, Any], str]:
    """Describe what a spell puts together step by step, or one of its methods."""
    members = _members(made)
    if not member:
        lines = [f"{signature(topic, it)}\n    {it.description}" for it in members.values()]
        text = "\n".join([method_text(bridge, Making(made)), "", *lines])
        return builder(bridge, made), text
    if member not in members:
        text = f"unknown method `{topic}.{member}`{nearest(member, list(members))}"
        raise ConfigurationError(text, key=f"{topic}.{member}")
    return method(topic, members[member]), method_text(topic, members[member])


def _members(builder: type[Builder]) -> dict[str, Method]:
    steps = {name: builder.step_method(name) for name in builder.steps}
    return steps | methods_of(builder)


def builder(bridge: str, made: type[Builder]) -> dict[str, Any]:
    """Describe what a builder takes, and its steps and methods."""
    about = method(bridge, Making(made))
    members = {key: method(about["name"], it) for key, it in _members(made).items()}
    return {name: about[name] for name in ("name", "description", "arguments")} | {
        "methods": members
    }


def summary(cls: type) -> str:
    """Take the first paragraph of what a class says of itself."""
    return (cls.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")


def method(bridge: str, method: Method) -> dict[str, Any]:
    """Describe one method, with its schemas."""
    return {
        "name": f"{bridge}.{method.name}",
        "description": method.description,
        "streams": method.streams,
        "effects": list(method.effects),
        "since": method.since,
        "arguments": method.schema(),
        "returns": method.returns_schema(),
        "example": method.example,
    }


def signature(bridge: str, method: Method) -> str:
    """Write how it is called; ``?`` marks what may be left out."""
    shown = [p.name if p.required else f"{p.name}?" for p in method.params]
    return f"{bridge}.{method.name}({', '.join(shown)})" + (" → stream" if method.streams else "")


def method_text(bridge: str, method: Method) -> str:
    """Describe one method for a reader."""
    from llmspell_cli.as_json import dump

    schema = method.schema()["properties"]
    lines = [signature(bridge, method), "", method.description, ""]
    for param in method.params:
        about = dict(schema[param.name])
        description = param.description or about.pop("description", "")
        about.pop("description", None)
        lines.append(f"  {param.name}{'' if param.required else '?'}: {description}".rstrip(": "))
        lines.append(f"      {_type(about)}")
    lines.append("")
    lines.append(f"  returns: {method.returns_text or _type(method.returns_schema())}")
    if method.effects:
        lines.append(f"  needs: {', '.join(method.effects)}")
    if method.example:
        lines.append(f"  example: {dump(method.example).decode()}")
    return "\n".join(lines)


def _type(schema: dict[str, Any]) -> str:
    """Say a schema in a word or two where it has them; `--json` has the whole of it."""
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
