"""Run a script in raw lupa, as a program that uses asyncio and click would."""

from __future__ import annotations

import asyncio  # noqa: F401 - what llmspell cannot do without, so the control pays for it too
import sys

import click  # noqa: F401 - as above
from lupa import lua54

with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - no import more than needed
    lua54.LuaRuntime(encoding="latin-1").execute(file.read())
