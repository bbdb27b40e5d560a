"""Precedence: option, environment, the project's file, the user's file, default.

A file of a project that nobody trusts came with somebody else's code. It may lower what a run may
do, spend and use, and it may name models (a spell can name any model itself, within the budget and
the permission `model`), but not rename those the user has named. What could cost money, leak a key
or widen a grant has no effect: raised limits and budgets, permissions, prices, and providers whole
(an address is where a key is sent). Of a file that belongs to another user, which may lie in
a shared folder above the spell, the models have no effect either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_cli.config.environment import from_environment, misspelt
from llmspell_cli.config.keys import KEYS, MODEL_VARIABLE
from llmspell_cli.config.provider import Provider
from llmspell_cli.config.resolved import DEFAULT_MODEL, Ignored, Resolved, Setting, named
from llmspell_core.budget import Budget
from llmspell_core.errors import ConfigurationError
from llmspell_core.limits import Limits
from llmspell_core.permissions import Permissions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.keys import Key
    from llmspell_cli.config.reader import ConfigFile
    from llmspell_cli.config.resolved import Path

_UNSET = Setting(None, "")
_PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "cohere", "deepseek", "groq", "ollama")
"""Names that people misspell; litellm knows them all, but takes seconds to ask."""


def resolve(
    options: Mapping[str, Any],
    environ: Mapping[str, str],
    project_file: ConfigFile | None = None,
    user_file: ConfigFile | None = None,
) -> Resolved:
    """Choose each setting from the first that has it.

    `options` are the command's, by their names in Python; what is None or empty was not given.

    Raises:
        ConfigurationError: a variable cannot be read, or a model alias leads back to itself.
    """
    return _Resolver(options, environ, project_file, user_file).resolved()


class _Resolver:
    """One resolution: what it found, and what it had to leave out."""

    def __init__(
        self,
        options: Mapping[str, Any],
        environ: Mapping[str, str],
        project: ConfigFile | None,
        user: ConfigFile | None,
    ) -> None:
        self.options = options
        self.environ = environ
        self.project = project
        self.user = user
        self.grants = _grants(options)
        self.settings: dict[Path, Setting] = {}
        self.ignored: list[Ignored] = []

    def resolved(self) -> Resolved:
        for key in KEYS:
            self.settings[key.path] = self.one(key)
        self.settings["models", "default"] = self.default_model()
        for path in self.paths("models", "providers", "prices", "mcp", "tools", "workflow"):
            if path not in self.settings and not self.settled(path):
                found = self.from_files(path, _UNSET)
                if found is not _UNSET:
                    self.settings[path] = found
        return Resolved(
            settings=self.settings,
            limits=Limits(**self.section("limits")),
            budget=Budget(**self.section("budget")),
            permissions=Permissions(**self.section("permissions")),
            models=self.models(),
            providers=self.providers(),
            mcp=self.mcp(),
            tools=self.tools(),
            workflow=self.workflow(),
            ignored=tuple(self.ignored),
            warnings=tuple(self.warnings()),
        )

    def one(self, key: Key) -> Setting:
        """Choose one setting of a record."""
        given = self.options.get(key.parameter) if key.kind != "grant" else None
        if given is not None:
            return Setting(None if given == float("inf") else given, f"option --{key.option}")
        if key.name in self.grants and key.kind == "grant":
            return self.grants[key.name]
        found, value = from_environment(key, self.environ)
        if found:
            return Setting(value, f"environment {key.variable}")
        return self.from_files(key.path, Setting(key.default, "default"))

    def section(self, section: str) -> dict[str, Any]:
        return {k.name: self.settings[k.path].value for k in KEYS if k.section == section}

    def default_model(self) -> Setting:
        """Choose the default model; asking for the model `default` asks for what is configured."""
        for value, source in (
            (self.options.get("model"), "option --model"),
            (self.environ.get(MODEL_VARIABLE), f"environment {MODEL_VARIABLE}"),
        ):
            if value and value != "default":
                return Setting(value, source)
        return self.from_files(("models", "default"), Setting(DEFAULT_MODEL, "default"))

    def from_files(self, path: Path, default: Setting) -> Setting:
        """Choose between the files; an untrusted project's word counts only where it is harmless."""
        below = default
        if self.user is not None and path in self.user.values:
            below = Setting(self.user.values[path], self.user.source(path))
        project = self.project
        if project is None or path not in project.values:
            return below
        value = project.values[path]
        ours = Setting(value, project.source(path))
        if project.trusted or _harmless(path, value, below, default, foreign=project.foreign):
            return ours
        if value != below.value:
            self.ignored.append(Ignored(path=path, value=value, source=ours.source))
        return below

    def settled(self, path: Path) -> bool:
        """Say whether a trusted project describes the server or the tool: none of it is the user's.

        A command, or an address, of one file must not be given the secrets of the other.
        """
        project = self.project
        if (
            path[0] not in ("mcp", "tools")
            or project is None
            or not project.trusted
            or path in project.values
        ):
            return False
        return any(it[:2] == path[:2] for it in project.values)

    def paths(self, *sections: str) -> list[Path]:
        """List the files' settings in `sections`, the project's first."""
        files = [it.values for it in (self.project, self.user) if it is not None]
        return list(dict.fromkeys(p for values in files for p in values if p[0] in sections))

    def models(self) -> dict[str, str]:
        """Gather the aliases, `default` among them.

        Raises:
            ConfigurationError: one leads back to itself.
        """
        aliases: dict[str, str] = {
            path[1]: setting.value
            for path, setting in self.settings.items()
            if path[0] == "models" and path != ("models", "default_embedding")
        }
        for name in aliases:
            chain = [name]
            while (target := aliases.get(chain[-1])) is not None:
                chain.append(target)
                if target in chain[:-1]:
                    source = self.settings["models", name].source
                    text = f"the model alias `{name}` leads to itself: {' → '.join(chain)}"
                    key = f"models.{name}"
                    raise ConfigurationError(f"{source}: {text}", key=key, **_place(source))
        return aliases

    def providers(self) -> dict[str, Provider]:
        found = {}
        for name, fields in named(self.settings, "providers").items():
            if "api_key" in fields:
                source = self.settings["providers", name, "api_key"].source
                from llmspell_cli.config.secret import secret  # few have a key in the file

                path = ("providers", name, "api_key")
                key = secret(fields["api_key"], path, source, self.environ)
                fields["api_key"] = key
                self.settings["providers", name, "api_key"] = Setting(key, source)
            found[name] = Provider(**fields)
        return found

    def mcp(self) -> dict[str, dict[str, Any]]:
        if not any(path[0] == "mcp" for path in self.settings):
            return {}
        from llmspell_cli.config.mcp import servers

        return servers(self.settings, self.environ)

    def tools(self) -> dict[str, dict[str, Any]]:
        if not any(path[0] == "tools" for path in self.settings):
            return {}
        from llmspell_cli.config.tools import tools

        return tools(self.settings, self.environ)

    def workflow(self) -> dict[str, Any]:
        if not any(path[0] == "workflow" for path in self.settings):
            return {}
        from llmspell_cli.config.workflow import workflow

        return workflow(self.settings, self.environ)

    def warnings(self) -> list[str]:
        found = misspelt(self.environ)
        if self.project is not None and self.ignored:
            from shlex import quote

            from llmspell_cli.config.files import shown
            from llmspell_cli.config.reader import dotted

            what = ", ".join(dotted(it.path) for it in self.ignored[:8])
            more = f" and {len(self.ignored) - 8} more" if len(self.ignored) > 8 else ""  # noqa: PLR2004 - as many as were named
            found.append(
                f"{shown(self.project.path)} {self.project.remark}: {what}{more} have no effect; "
                f"look at it, then run `llmspell trust {quote(self.project.path)}`"
            )
        return [*found, *self.unknown_providers()]

    def unknown_providers(self) -> list[str]:
        """Suggest the right name for a provider that nobody could reach: it has no address."""
        found = []
        for name, fields in named(self.settings, "providers").items():
            if name in _PROVIDERS or "base_url" in fields:
                continue
            from difflib import get_close_matches

            if near := get_close_matches(name, _PROVIDERS, n=1, cutoff=0.75):
                source = self.settings["providers", name, next(iter(fields))].source
                text = f"{source}: is the provider `{name}` meant to be `{near[0]}`?"
                found.append(f"{text} One of your own needs a base_url")
        return found


def _grants(options: Mapping[str, Any]) -> dict[str, Setting]:
    """Read the options that grant something, with the command's own words for mistakes."""
    effects = [key.name for key in KEYS if key.kind == "grant"]
    everything = options.get("allow_all")
    given = [effect for effect in effects if everything or options.get(f"allow_{effect}")]
    if not given:
        return {}
    from llmspell_cli.options import permissions_from

    names = {f"allow_{effect}": options.get(f"allow_{effect}") or () for effect in effects}
    granted = permissions_from({**names, "allow_all": everything})
    source = "option --allow-all" if everything else "option --allow-{}"
    return {it: Setting(getattr(granted, it), source.format(it)) for it in given}


def _harmless(path: Path, value: Any, below: Setting, default: Setting, *, foreign: bool) -> bool:
    """Say whether anybody may set this: it takes away from what holds `below`, or adds a name."""
    section = path[0]
    if section == "models":
        return below is default and not foreign
    if section in ("limits", "budget"):
        return value is not None and (below.value is None or value <= below.value)
    if section == "permissions":
        return _narrower(value, below.value)
    return False


def _narrower(value: bool | tuple[str, ...], below: bool | tuple[str, ...]) -> bool:  # noqa: FBT001 - a grant
    if value is False or value == () or below is True:
        return True
    if isinstance(value, bool) or isinstance(below, bool):
        return False
    return set(value) <= set(below)


def _place(source: str) -> dict[str, Any]:
    file, _, line = source.rpartition(":")
    return {"file": file, "line": int(line)} if line.isdigit() else {}
