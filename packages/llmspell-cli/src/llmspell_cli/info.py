"""``llmspell info``: what is installed, down to one method's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell_cli.info_methods import (
    Making,
    builder,
    builder_topic,
    method,
    method_text,
    signature,
    summary,
)
from llmspell_core.bridge import Bridge, methods_of
from llmspell_core.errors import ConfigurationError, PluginError
from llmspell_core.registry import installed
from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from llmspell_cli.commands import App

GUEST_GLOBALS = ("async", "console", "env", "json", "math", "params", "util")
"""What every spell has without a bridge; ``async`` in Lua alone."""


@click.pass_context
def _info(ctx: click.Context, /, topic: str | None, **_: Any) -> None:
    app: App = ctx.obj
    if topic is None:
        document = {
            "engines": _engines(),
            "bridges": _bridges(),
            "globals": list(GUEST_GLOBALS),
            "policies": _policies(),
        }
        text = "\n\n".join(filter(None, (_engines_text(), _bridges_text(), _policies_text())))
    elif topic == "engines":
        document, text = {"engines": _engines()}, _engines_text()
    elif topic == "config":
        from llmspell_cli.config import document as config_document
        from llmspell_cli.config import load, table

        resolved = load({})
        document, text = config_document(resolved), table(resolved)
    elif topic == "bridges":
        document = {"bridges": _bridges(), "globals": list(GUEST_GLOBALS)}
        text = _bridges_text()
    else:
        document, text = _topic(topic)
    app.output.answer(document, text)


def _topic(topic: str) -> tuple[dict[str, Any], str]:
    """Describe ``BRIDGE`` or ``BRIDGE.METHOD``."""
    name, dot, method_name = topic.partition(".")
    if name in GUEST_GLOBALS:
        return _builtin(topic)
    bridge = _bridge(name)
    methods = methods_of(bridge)
    builders = {it.name: it for it in bridge.builders}
    if not dot:
        listed = {key: method(name, it) for key, it in methods.items()}
        made = [Making(it) for it in bridge.builders]
        lines = [
            f"{signature(name, it)}\n    {it.description}" for it in (*methods.values(), *made)
        ]
        about = summary(bridge)
        document = {"name": name, "description": about, "methods": listed}
        if builders:
            document["builders"] = {key: builder(name, it) for key, it in builders.items()}
        return document, "\n".join([about, "", *lines])
    first, _, member = method_name.partition(".")
    if first in builders:
        return builder_topic(f"{name}.{first}", name, builders[first], member)
    if method_name not in methods:
        text = f"unknown method `{topic}`{nearest(method_name, [*methods, *builders])}"
        raise ConfigurationError(text, key=topic)
    found = methods[method_name]
    return method(name, found), method_text(name, found)


def _engines() -> list[dict[str, Any]]:
    found = []
    for name, plugin in sorted(installed("llmspell.engines").items()):
        entry: dict[str, Any] = {"name": name, "distribution": plugin.distribution}
        try:
            info = plugin.load().info
        except PluginError as error:
            found.append({**entry, "error": error.message})
            continue
        entry |= {
            "language": info.language,
            "version": info.version,
            "suffixes": list(info.suffixes),
            "capabilities": sorted(info.capabilities),
            "traits": sorted(info.traits),
        }
        found.append(entry)
    return found


def _engines_text() -> str:
    lines = ["Engines:"]
    for entry in _engines():
        if "error" in entry:
            lines.append(f"  {entry['name']}: {entry['error']}")
            continue
        suffixes = " ".join(entry["suffixes"])
        lines.append(f"  {entry['name']}: {entry['language']} {entry['version']}, runs {suffixes}")
        lines += [
            f"    {field}: {', '.join(entry[field]) or 'none'}"
            for field in ("capabilities", "traits")
        ]
    return "\n".join(lines if len(lines) > 1 else ["No engine is installed."])


def _bridges() -> list[dict[str, Any]]:
    found = []
    for name, plugin in sorted(installed("llmspell.bridges").items()):
        entry: dict[str, Any] = {"name": name, "distribution": plugin.distribution}
        try:
            cls = plugin.load()
        except PluginError as error:
            found.append({**entry, "error": error.message})
            continue
        members = [*methods_of(cls), *(builder.name for builder in cls.builders)]
        found.append({**entry, "description": summary(cls), "methods": members})
    return found


def _bridges_text() -> str:
    lines = ["Bridges:"]
    for entry in _bridges():
        lines.append(f"  {entry['name']}: {entry.get('error') or entry['description']}")
        if entry.get("methods"):
            lines.append(f"    {', '.join(entry['methods'])}")
    if len(lines) == 1:
        lines = ["No bridge is installed."]
    return "\n".join([*lines, "", f"In every spell: {', '.join(GUEST_GLOBALS)}."])


def _policies() -> list[dict[str, Any]]:
    """List the installed policies, importing none: what is broken has to be listed as well."""
    plugins = sorted(installed("llmspell.policies").values(), key=lambda it: it.name)
    return [{"name": it.name, "distribution": it.distribution} for it in plugins]


def _policies_text() -> str:
    lines = [f"  {it['name']}: from {it['distribution']}" for it in _policies()]
    return "\n".join(["Policies, which take away from every run:", *lines]) if lines else ""


def _bridge(name: str) -> type[Bridge]:
    plugins = installed("llmspell.bridges")
    if name not in plugins:
        text = f"unknown bridge `{name}`{nearest(name, ['engines', 'bridges', *plugins])}"
        raise ConfigurationError(text, key=name)
    cls: type[Bridge] = plugins[name].load()
    return cls


def _builtin(topic: str) -> tuple[dict[str, Any], str]:
    """Describe what every spell has, such as ``util`` or ``util.uuid``."""
    from msgspec import to_builtins

    from llmspell_bridges.builtin.reference import BUILTINS, find

    found = find(topic)
    if not found:
        known = [it.name for it in BUILTINS]
        text = f"unknown function `{topic}`{nearest(topic, known)}"
        raise ConfigurationError(text, key=topic)
    lines = [f"{it.signature}\n    {it.description}" for it in found]
    return {"builtins": [to_builtins(it) for it in found]}, "\n".join(lines)


info = click.Command(
    name="info",
    callback=_info,
    help="Show the engines and bridges installed; or those of one TOPIC:\n\n"
    "engines, bridges, config, BRIDGE (such as llm) or BRIDGE.METHOD (such as llm.complete).",
    params=[
        click.Argument(["topic"], required=False),
        click.Option(["--json"], is_flag=True, help="Print one JSON document, with schemas."),
        click.Option(["--debug"], is_flag=True, help="Show Python's traceback of errors."),
    ],
)
