"""Settings of the command, from options down to defaults, each with its source.

Every public name is imported when it is first used: a run without a configuration file imports
neither the schema nor tomllib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_cli.config.files import find_project as find_project
    from llmspell_cli.config.files import user_config_dir as user_config_dir
    from llmspell_cli.config.files import user_file as user_file
    from llmspell_cli.config.loading import load as load
    from llmspell_cli.config.precedence import resolve as resolve
    from llmspell_cli.config.provider import Provider as Provider
    from llmspell_cli.config.reader import ConfigFile as ConfigFile
    from llmspell_cli.config.reader import parse as parse
    from llmspell_cli.config.render import document as document
    from llmspell_cli.config.render import table as table
    from llmspell_cli.config.resolved import Resolved as Resolved
    from llmspell_cli.config.resolved import Setting as Setting
    from llmspell_cli.config.trusted import Trusted as Trusted
    from llmspell_cli.config.trusted import is_trusted as is_trusted
    from llmspell_cli.config.trusted import list_trusted as list_trusted
    from llmspell_cli.config.trusted import trust as trust
    from llmspell_cli.config.trusted import untrust as untrust

_HOME = {
    "ConfigFile": "reader",
    "Provider": "provider",
    "Resolved": "resolved",
    "Setting": "resolved",
    "Trusted": "trusted",
    "document": "render",
    "find_project": "files",
    "is_trusted": "trusted",
    "list_trusted": "trusted",
    "load": "loading",
    "parse": "reader",
    "resolve": "precedence",
    "table": "render",
    "trust": "trusted",
    "untrust": "trusted",
    "user_config_dir": "files",
    "user_file": "files",
}

__all__ = [
    "ConfigFile",
    "Provider",
    "Resolved",
    "Setting",
    "Trusted",
    "document",
    "find_project",
    "is_trusted",
    "list_trusted",
    "load",
    "parse",
    "resolve",
    "table",
    "trust",
    "untrust",
    "user_config_dir",
    "user_file",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    module = _HOME.get(name)
    if module is None:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{module}"), name)
