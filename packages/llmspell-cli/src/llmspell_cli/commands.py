"""The command group: its commands are named here and imported when they are used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from llmspell_cli import exit_codes
from llmspell_core.errors import ConfigurationError
from llmspell_core.registry import installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_cli.host import Host
    from llmspell_cli.output import Output

PROGRAM = "llmspell"
GROUP = "llmspell.commands"
_OWN = {
    "run": ("run:run", "Run the spell in a file."),
    "exec": ("execute:execute", "Run a spell given on the command line."),
    "validate": ("validate:validate", "Check spells without running them."),
    "info": ("info:info", "Show what is installed: engines, bridges, their methods."),
    "doctor": ("doctor:doctor", "Check this machine: the kernel lock, engines, providers."),
    "trust": ("config.commands:trust", "Let a project's llmspell.toml grant permissions."),
    "models": ("models:models", "Fetch and list the local models."),
}


class App:
    """What every command is given: where to write, and the host that was started early."""

    def __init__(self, output: Output, host: Host | None = None) -> None:
        """Hold both."""
        self.output = output
        self._host = host

    def host(self, **options: Any) -> Host:
        """Return the host that was started early, else make one with a runtime's `options`."""
        if self._host is None:
            from llmspell_cli.host import Host

            self._host = Host(self.output, **options)
        return self._host


class Commands(click.Group):
    """Lists its commands, and those that other distributions add, without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name our commands in their order, then the plugins' by name."""
        return [*_OWN, *sorted(set(installed(GROUP)) - set(_OWN))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command.

        Raises:
            ConfigurationError: a plugin's entry point is no click command.
            PluginError: it cannot be imported.
        """
        if cmd_name in _OWN:
            from importlib import import_module

            module, _, attribute = _OWN[cmd_name][0].partition(":")
            command: click.Command = getattr(import_module(f"llmspell_cli.{module}"), attribute)
            return command
        plugin = installed(GROUP).get(cmd_name)
        if plugin is None:
            return None
        loaded = plugin.load()
        if not isinstance(loaded, click.Command):
            text = f"the command `{cmd_name}` of {plugin.distribution} is not a click command"
            raise ConfigurationError(text, key=cmd_name)
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` name, suggesting the nearest for a typing mistake."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from llmspell_core.signature import nearest

            text = f"no such command `{args[0]}`{nearest(args[0], self.list_commands(ctx))}"
            raise click.UsageError(text, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from the table above: the help imports none of them."""
        rows = [(name, summary) for name, (_, summary) in _OWN.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
        plugins = {n: p for n, p in installed(GROUP).items() if n not in _OWN}
        if plugins:
            with formatter.section("Commands of other distributions"):
                formatter.write_dl([(n, f"from {p.distribution}") for n, p in plugins.items()])


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    number = version("llmspell-cli")
    app: App = ctx.obj
    app.output.answer({"version": number}, f"{PROGRAM} {number}")
    ctx.exit()


cli = Commands(
    name=PROGRAM,
    help="Run spells: Lua and JavaScript scripts that talk to language models, sandboxed.",
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help="Show the version and exit.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            help="Print one JSON document instead of text.",
        ),
        click.Option(
            ["--debug"], is_flag=True, expose_value=False, help="Show Python's traceback of errors."
        ),
    ],
)


def invoke(args: Sequence[str], output: Output, host: Host | None) -> int:
    """Parse `args`, run their command and return its exit code."""
    if f"_{PROGRAM.upper()}_COMPLETE" in os.environ:
        cli.main(list(args), prog_name=PROGRAM)
    try:
        with cli.make_context(PROGRAM, list(args), obj=App(output, host)) as ctx:
            code = cli.invoke(ctx)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.UsageError as error:
        return _usage(error, output)
    except click.ClickException as error:
        output.failure("usage", error.format_message())
        return exit_codes.USAGE
    return code if isinstance(code, int) else exit_codes.DONE


def _usage(error: click.UsageError, output: Output) -> int:
    """Show a usage error with the command whose help explains it."""
    path = error.ctx.command_path if error.ctx else PROGRAM
    message = error.format_message()
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        output.failure("usage", "which command?", hint=message)
    else:
        output.failure("usage", message, hint=f"try `{path} --help`")
    return exit_codes.USAGE
