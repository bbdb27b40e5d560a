"""A server that somebody else wrote: `mcp-server-time` of the package index."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from llmspell_core import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Spell

pytestmark = pytest.mark.anyio
SETTINGS = {
    "command": sys.executable,
    "args": ["-m", "mcp_server_time", "--local-timezone", "Europe/Berlin"],
}


async def test_it_tells_the_time(spells: Callable[..., Spell]) -> None:
    """Its tools are called by name and by position, and give text and data."""
    spell = spells({"time": SETTINGS})
    await spell.connect("time")
    here = await spell.ask("tools", "time_get_current_time", "UTC")
    assert datetime.fromisoformat(here.fields["data"]["datetime"]).utcoffset() == timedelta(0)
    there = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    converted = await spell.ask("tools", "time_convert_time", there)
    assert "21:00" in converted.fields["data"]["target"]["datetime"]


async def test_it_says_what_it_does_not_know(spells: Callable[..., Spell]) -> None:
    """Its error is a failed tool."""
    spell = spells({"time": SETTINGS})
    await spell.connect("time")
    with pytest.raises(ToolError, match=r"`time_get_current_time` failed: .*Middle/Earth"):
        await spell.ask("tools", "time_get_current_time", "Middle/Earth")


async def test_it_says_what_it_is(spells: Callable[..., Spell]) -> None:
    """Its tools keep the names that it has for them."""
    spell = spells({"time": SETTINGS})
    info = await spell.ask(await spell.connect("time"), "info")
    assert info["server"] == "mcp-time"
    assert info["tools"] == ["get_current_time", "convert_time"]
