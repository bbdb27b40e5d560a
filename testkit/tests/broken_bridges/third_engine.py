"""A third engine, as a distribution of its own adds it: the snake, whole and with a mistake each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1] / "broken_engines"))  # where the snake lives

from snake import Run, Snake

from llmspell_testkit import CallChain, EngineContract

if TYPE_CHECKING:
    import pytest

_LIVE = """def live(v):
    if isinstance(v, str) and v.startswith("function("):
        return lambda x: x
    if isinstance(v, list):
        return [live(item) for item in v]
    if isinstance(v, dict):
        return {key: live(item) for key, item in v.items()}
    return v"""
_GIVES = {
    "value": "return value",
    "items": "return [item async for item in value]",
    "nothing": "return value is not None",
}


def speak(chain: CallChain) -> str:
    """Write a chain of calls in Python."""
    lines, number = [_LIVE, f"value = {chain.bridge}"], 0
    if chain.build is not None:
        lines.append(f"value = value.{chain.build.name}(*live(params['a0']))")
        for number, (name, _) in enumerate(chain.build.steps, 1):
            lines.append(f"value.{name}(*live(params['a{number}']))")
        number += 1
    for index, step in enumerate(chain.steps, number):
        path = "".join(f"[{key!r}]" for key in step.path)
        lines.append(f"value = await value{path}.{step.method}(*live(params['a{index}']))")
    return "\n".join([*lines, _GIVES[chain.gives]])


class Whole(EngineContract):
    """A contract with a speaker."""

    engine = Snake
    speaker = speak


class Mute(EngineContract):
    """A contract without one."""

    engine = Snake


def stutter(chain: CallChain) -> str:
    """Know nothing of builders."""
    assert chain.build is None, "what is that?"
    return speak(chain)


class Stuttering(EngineContract):
    """A contract whose speaker fails."""

    engine = Snake
    speaker = stutter


class DroppingRun(Run):
    """Drops the nulls of a list that the script sends."""

    def list_from(self, items: list[Any]) -> Any:
        """Keep what is something."""
        return [item for item in items if item is not None]


class Dropping(Snake):
    """An engine that loses nulls."""

    run_class = DroppingRun


class Modest(Snake):
    """An engine that has less."""

    info = msgspec.structs.replace(
        Snake.info, capabilities=Snake.info.capabilities - {"streams", "handles", "callbacks"}
    )


class Dead(Snake):
    """An engine that does not start."""

    async def start(self) -> None:
        """Fail."""
        raise OSError("no such interpreter")


def install(
    patch: pytest.MonkeyPatch, folder: Path, engine: str = "Snake", contract: str = "Whole"
) -> None:
    """Install an engine and its contract: the entry points of a distribution, on the path."""
    info = folder / "third_engine-1.dist-info"
    info.mkdir()
    text = (
        f"[llmspell.engines]\nsnake = third_engine:{engine}\n"
        f"[llmspell.contracts]\nsnake = third_engine:{contract}\n"
    )
    (info / "entry_points.txt").write_text(text, encoding="utf-8")
    patch.syspath_prepend(str(folder))
