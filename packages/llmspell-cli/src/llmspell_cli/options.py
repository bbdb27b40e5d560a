"""The options of `run` and `exec`, and what they mean to the runtime."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

from llmspell_core.permissions import EFFECTS, Permissions

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = math.inf
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_ALL = "\0"
"""Stands for ``--allow-read`` without a value: no argument can hold it."""


class Amount(click.ParamType[Any]):
    """A positive amount; the word ``none`` is unlimited where that is possible."""

    def __init__(self, name: str, parse: Callable[[str], float], *, unlimited: bool = True) -> None:
        """Take the unit's name for the help, and how to read text."""
        self.name = name
        self._parse = parse
        self._unlimited = unlimited

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read an amount, or fail as a usage error."""
        if not isinstance(value, str):
            return value
        if value.lower() == "none" and self._unlimited:
            return UNLIMITED
        try:
            return self._parse(value.strip())
        except ValueError as error:
            unlimited = ", or none for unlimited" if self._unlimited else ""
            self.fail(f"{value!r} is not {error}{unlimited}", param, ctx)


def parse_size(text: str) -> int:
    """Read ``64MiB``, ``64M``, ``1.5g`` or a number of bytes.

    Raises:
        ValueError: it says what was expected.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", text.lower())
    count = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if count <= 0:
        expected = "a size such as 64MiB"
        raise ValueError(expected)
    return count


def parse_duration(text: str) -> float:
    """Read ``90``, ``1.5s``, ``500ms``, ``5m`` or ``2h`` as seconds.

    Raises:
        ValueError: it says what was expected.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|)", text.lower())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        expected = "a duration such as 90, 500ms or 5m"
        raise ValueError(expected)
    return seconds


def _parse_usd(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?|\.\d+", text):
        expected = "an amount of US dollars such as 0.50"
        raise ValueError(expected)
    return float(text)


def _parse_count(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        expected = "a whole number"
        raise ValueError(expected)
    return int(text)


def _parse_places(text: str) -> int:
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text):
        expected = "a whole number above 0"
        raise ValueError(expected)
    return int(text)


class Grant(click.Option):
    """``--allow-read``, or ``--allow-read=PATH,…``: it takes a value with ``=`` alone."""

    def __init__(self, effect: str, what: str, text: str) -> None:
        """Describe the grant of one effect; `what` its names are."""
        super().__init__([f"--allow-{effect}"], multiple=True, help=text)
        self._shown = f"--allow-{effect}[={what},…]"

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:  # noqa: ARG002
        """Show that the value is optional."""
        return self._shown, self.help or ""


class SpellCommand(click.Command):
    """A command that runs a spell."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; ``--allow-read FILE`` does not swallow the file name."""
        end = args.index("--") if "--" in args else len(args)
        bare = {f"--allow-{effect}" for effect in EFFECTS}
        given = [f"{arg}={_ALL}" if arg in bare else arg for arg in args[:end]]
        return super().parse_args(ctx, [*given, *args[end:]])


def spell_options() -> list[click.Parameter]:
    """Make the options that `run` and `exec` share."""
    option = click.Option
    size = Amount("size", parse_size)
    bound = Amount("size", parse_size, unlimited=False)
    seconds = Amount("duration", parse_duration)
    count = Amount("count", _parse_count)
    places = Amount("count", _parse_places, unlimited=False)
    usd = Amount("usd", _parse_usd)
    return [
        option(
            ["--param", "-p"],
            multiple=True,
            metavar="NAME=TEXT",
            help="A parameter of the spell; NAME:=JSON for one that is not text.",
        ),
        option(["--params-file"], metavar="FILE", help="Parameters from a .json or .toml file."),
        option(["--stdin"], is_flag=True, help="Read standard input into params.stdin."),
        option(
            ["--model"],
            help="The model for calls that name none [env: LLMSPELL_MODEL].",
        ),
        option(["--json"], is_flag=True, help="Print one JSON document instead of text."),
        option(["--quiet"], is_flag=True, help="Print nothing on stderr but errors."),
        option(["--debug"], is_flag=True, help="Show Python's traceback of errors."),
        option(["--trace"], metavar="FILE", help="Write each call of the spell as a JSON line."),
        option(
            ["--seed"],
            type=click.IntRange(0, 2**63 - 1),
            help="Seed of the spell's random numbers.",
        ),
        option(["--timeout"], type=seconds, help="Wall clock [default: 300 s]."),
        option(["--cpu"], type=seconds, help="Processor time [default: 60 s]."),
        option(["--memory"], type=size, help="Memory [default: 128 MiB]."),
        option(["--max-result"], type=bound, help="Size of the result [default: 10 MiB]."),
        option(["--max-log"], type=bound, help="Size of what it prints [default: 10 MiB]."),
        option(
            ["--max-calls-in-flight"],
            type=places,
            help="Calls open at once; further ones wait [default: 64].",
        ),
        option(
            ["--max-callback-nesting"],
            type=places,
            help="How deep callbacks call callbacks [default: 16].",
        ),
        option(
            ["--max-callbacks-at-once"],
            type=places,
            help="Callbacks under way at once [default: 1024].",
        ),
        option(
            ["--max-handles"],
            type=places,
            help="Objects of the host that it holds [default: 10000].",
        ),
        option(["--max-cost"], type=usd, help="Cost of LLM calls [default: 1 USD]."),
        option(["--max-tokens"], type=count, help="Tokens, in and out [default: none]."),
        option(["--max-llm-calls"], type=count, help="Number of LLM calls [default: 1000]."),
        option(["--max-tool-calls"], type=count, help="Number of tool calls [default: 1000]."),
        Grant("read", "PATH", "Let it read files."),
        Grant("write", "PATH", "Let it write files."),
        Grant("net", "HOST", "Let it reach the network."),
        Grant("env", "NAME", "Let it see environment variables, never credentials."),
        Grant("tool", "NAME", "Let it use tools."),
        Grant("mcp", "NAME", "Let it use the configured MCP servers."),
        Grant("model", "PATTERN", "Let it use these models alone [default: all]."),
        option(["--allow-all", "-A"], is_flag=True, help="Grant everything."),
        option(
            ["--isolation"],
            type=click.Choice(["locked", "process", "inproc"]),
            help="How the script is kept apart [default: locked].",
        ),
        option(["--require-lock"], is_flag=True, help="Refuse to run without the kernel's lock."),
    ]


def permissions_from(given: dict[str, Any]) -> Permissions:
    """Make the permissions from the options given.

    Raises:
        click.UsageError: a grant without a name after its ``=``, or beside ``--allow-all``.
    """
    grants = {e: given[f"allow_{e}"] for e in EFFECTS if given[f"allow_{e}"]}
    if given["allow_all"]:
        if grants:
            text = f"--allow-all grants everything: leave out --allow-{next(iter(grants))}"
            raise click.UsageError(text, click.get_current_context())
        return Permissions.everything()
    return Permissions(**{effect: _grant(effect, values) for effect, values in grants.items()})


def _grant(effect: str, values: tuple[str, ...]) -> bool | tuple[str, ...]:
    if _ALL in values:
        return True
    names = tuple(name.strip() for value in values for name in value.split(","))
    if not all(names):
        text = f"--allow-{effect}= needs a name after the `=`; without `=` it grants all"
        raise click.UsageError(text, click.get_current_context())
    return names
