"""What a configuration file may hold: the one schema of ``llmspell.toml`` and the user's file.

::

    [models]                         # what a spell writes = what is called
    default = "local/smollm2"        # for calls that name no model
    default_embedding = "local/minilm"
    "claude-3-opus" = "anthropic/claude-3-opus-20240229"

    [providers.openai]
    base_url = "https://llm.example.com/v1"
    timeout_s = 30
    max_retries = 2
    api_key = { env = "TEAM_KEY" }   # or { keyring = "service", user = "me" }, { file = "path" }

    [limits]                         # seconds and bytes; "none" is unlimited
    timeout_s = 60
    memory_bytes = 268_435_456

    [budget]
    cost_usd = 0.5

    [permissions]                    # true, false, or a list; paths are relative to this file
    read = ["docs/"]

    [mcp.time]                       # a server of the Model Context Protocol, see `mcp`
    command = "mcp-server-time"

    [tools.web_search]               # what a tool takes, see `tools`
    max_results = 5

    [workflow]                       # where checkpoints are kept, see `workflow`
    checkpoints = "checkpoints.sqlite"

    [prices."acme/large"]            # US dollars per million tokens
    input_usd = 1.5
    output_usd = 6

The types are msgspec's, not pydantic's: a spell without LLM calls reads its configuration too, and
may import no pydantic. Measured alone, cold, medians of 7: msgspec 54 ms, which the core needs
anyway; pydantic 120 ms; tomllib 27 ms, imported once a file exists; tomlkit, which knows where keys
stand, 114 ms: `toml_lines` finds them instead. pydantic's `SecretStr` is left out for the same
reason, see `secret`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from llmspell_cli.config.keys import KEYS, RECORDS, Key

MAX_COUNT = 2**53
"""The largest integer that both script languages hold exactly."""
MAX_SECONDS = 1e9
MAX_USD = 1e9

Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4096,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*\Z",
    ),
]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?\Z",
    ),
]
Argument = Annotated[str, Meta(max_length=65536, pattern=r"^[^\x00]*\Z")]
"""What a program is given: it may be empty, and have several lines."""
EnvName = Annotated[str, Meta(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z")]
HeaderName = Annotated[str, Meta(max_length=200, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")]
Seconds = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
Grant = bool | tuple[Text, ...]


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a provider's key is: one of `env`, `keyring` and `file`.

    `keyring` names a service of the system's keyring, `user` the account there (default: the
    provider's name). A key itself never stands in a configuration.
    """

    env: Name | UnsetType = UNSET
    keyring: Name | UnsetType = UNSET
    user: Name | UnsetType = UNSET
    file: Text | UnsetType = UNSET


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider; `timeout_s` is seconds without an answer."""

    base_url: Text | UnsetType = UNSET
    api_key: ApiKey | UnsetType = UNSET
    timeout_s: Seconds | UnsetType = UNSET
    max_retries: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET


class McpTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One MCP server: a command that is started, or a url; `timeout_s` is for each request."""

    command: Text | UnsetType = UNSET
    args: tuple[Argument, ...] | UnsetType = UNSET
    env: dict[EnvName, Argument | ApiKey] | UnsetType = UNSET
    cwd: Text | UnsetType = UNSET
    url: Text | UnsetType = UNSET
    headers: dict[HeaderName, Text | ApiKey] | UnsetType = UNSET
    api_key: ApiKey | UnsetType = UNSET
    timeout_s: Seconds | UnsetType = UNSET


class WorkflowTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Checkpoints: a file, or the place of a database's URL; `keep` is how many runs are kept."""

    checkpoints: Text | ApiKey | UnsetType = UNSET
    keep: Annotated[int, Meta(ge=1, le=100_000)] | UnsetType = UNSET


class PriceTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model's price in US dollars per million tokens; both, lest half of it is free."""

    input_usd: Annotated[float, Meta(ge=0, le=MAX_USD)]
    output_usd: Annotated[float, Meta(ge=0, le=MAX_USD)]


def _type(key: Key) -> Any:
    if key.kind == "grant":
        return Grant
    least = 0 if key.section == "budget" else 1
    kinds: dict[str, Any] = {
        "seconds": Seconds,
        "usd": Annotated[float, Meta(ge=0, le=MAX_USD)],
    }
    kind = kinds.get(key.kind, Annotated[int, Meta(ge=least, le=MAX_COUNT)])
    return kind | Literal["none"] if key.unlimited else kind


def _table(section: str) -> type[msgspec.Struct]:
    """Make the table of a section whose settings are all of a record of the core."""
    return msgspec.defstruct(
        f"{section.title()}Table",
        [(key.name, _type(key) | UnsetType, UNSET) for key in KEYS if key.section == section],
        module=__name__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


TABLES: dict[str, type[msgspec.Struct]] = {
    **{section: _table(section) for section in RECORDS},
    "workflow": WorkflowTable,
}
"""The sections that hold settings."""

NAMED: dict[str, Any] = {
    "models": Name,
    "providers": ProviderTable,
    "prices": PriceTable,
    "mcp": McpTable,
    "tools": dict,
}
"""The sections that hold one entry for each name that somebody chose."""


def field_names(table: type[msgspec.Struct]) -> list[str]:
    """Name the keys that a table takes."""
    return list(table.__struct_fields__)


_EXPECTED = {
    ("models", ""): "a model such as `local/smollm2`",
    ("providers", ""): "a table",
    ("prices", ""): "a table with input_usd and output_usd",
    ("tools", "base_url"): "an address such as https://search.example.com",
    ("workflow", "checkpoints"): 'a file, or a place such as { env = "CHECKPOINTS_URL" }',
    ("workflow", "keep"): "a whole number from 1 to 100000",
    ("mcp", ""): "a table with a command or a url",
    ("mcp", "command"): "a program such as `mcp-server-time`",
    ("mcp", "args"): "a list of texts",
    ("mcp", "env"): 'variables, each a text or a place such as { env = "GITHUB_TOKEN" }',
    ("mcp", "cwd"): "a folder",
    ("mcp", "url"): "an address such as https://mcp.example.com/mcp",
    ("mcp", "headers"): 'headers, each a text or a place such as { env = "MCP_KEY" }',
    ("mcp", "api_key"): 'a place such as { env = "MCP_KEY" }, never the key itself',
    ("mcp", "timeout_s"): "seconds above 0",
    ("providers", "base_url"): "an address such as https://llm.example.com/v1",
    ("providers", "timeout_s"): "seconds above 0",
    ("providers", "max_retries"): "a whole number from 0 to 100",
    ("providers", "api_key"): 'a place such as { env = "OPENAI_API_KEY" }, never the key itself',
}


def expected(section: str, key: str) -> str:
    """Say what a key takes, as the middle of an error's sentence."""
    if section == "permissions":
        return "true, false or a list of names"
    if section == "prices" and key:
        return "US dollars per million tokens, 0 or more"
    if (section, key) in _EXPECTED:
        return _EXPECTED[section, key]
    found = next((it for it in KEYS if it.path == (section, key)), None)
    if found is None:
        return "a table"
    least = "0 or more" if section == "budget" else "above 0"
    what = {
        "seconds": "seconds above 0",
        "usd": "US dollars, 0 or more",
        "bytes": f"a whole number of bytes {least}",
    }.get(found.kind, f"a whole number, {least}")
    return f'{what}, or "none" for unlimited' if found.unlimited else what
