"""The library that a spell in Python finds: as much of the contract's as the cases beside it use."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import re
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from llmspell_core.errors import ConversionError

LEVELS = ("log", "info", "warn", "error", "debug", "write")


class Env(dict[str, str]):
    """The granted variables; another one is None, with a warning once."""

    def __init__(self, run: Any) -> None:
        super().__init__(run.session.env)
        self._run = run
        self._warned: set[str] = set()

    def __getattr__(self, name: str) -> str | None:
        granted = name in self or self._run.session.permissions.allows("env", name)
        if not granted and name not in self._warned:
            self._warned.add(name)
            self._run.log("warn", f"env.{name} was not granted; allow it with --allow-env={name}")
        return self.get(name)


def show(value: Any) -> str:
    """Show a value as people read it."""
    if isinstance(value, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", str(value))
    try:
        return encode(value)
    except ConversionError:
        return f"<{type(value).__name__}>"


def encode(value: Any) -> str:
    """Write compact JSON with sorted keys."""
    try:
        return json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise ConversionError(str(error)) from None


def decode(text: str) -> Any:
    """Read JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConversionError(str(error)) from None


def library(run: Any) -> dict[str, Any]:
    """Make the globals that every spell has."""
    chance = random.Random(run.session.seed)  # noqa: S311 - repeatable is the point

    def logger(level: str) -> Any:
        return lambda *values: run.log(level, run.joined(values))

    def sha256(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    def uuid() -> str:
        run.needs("stdlib")
        return str(UUID(int=chance.getrandbits(128), version=4))

    async def gather(*work: Any) -> list[Any]:
        run.needs("concurrency")
        return list(await asyncio.gather(*work))

    return {
        "console": SimpleNamespace(**{level: logger(level) for level in LEVELS}),
        "json": SimpleNamespace(encode=encode, decode=decode),
        "util": SimpleNamespace(
            sleep=lambda ms: run.start("runtime", "sleep", [ms]),
            now=lambda: run.clock_ms,
            uuid=uuid,
            hash=sha256,
            base64=SimpleNamespace(encode=lambda text: base64.b64encode(text.encode()).decode()),
        ),
        "env": Env(run),
        "chance": chance.random,
        "gather": gather,
    }
