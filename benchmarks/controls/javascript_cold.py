"""Run a script in raw mini-racer, as a program that uses asyncio and click would."""

from __future__ import annotations

import asyncio  # noqa: F401 - what llmspell cannot do without, so the control pays for it too
import sys

import click  # noqa: F401 - as above
from py_mini_racer import MiniRacer

_CONSOLE = "const printed = []; const console = { log(text) { printed.push(text); } };"

with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - no import more than needed
    print(MiniRacer().eval(f"{_CONSOLE} {file.read()}; printed.join('\\n')"))
