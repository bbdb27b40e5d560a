"""Where what steps gave is kept: SQLite in the user's state folder, or Postgres.

Imported in a thread, with langgraph.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sqlite3
import stat
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from llmspell_bridges.workflow.describe import FORMAT, digest
from llmspell_bridges.workflow.serializer import PlainSerializer
from llmspell_bridges.workflow.settings import POSTGRES
from llmspell_core import ConfigurationError, LlmspellError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from llmspell_bridges.workflow.flow import Flow
    from llmspell_bridges.workflow.settings import WorkflowSettings

_BUSY_S = 30.0
"""How long to wait for another process that writes."""
_ID_BYTES = 16
_MOST_PAGES = 262_144
"""1 GiB of 4 KiB each: what all spells together may keep in the file."""
_OLD_CHECKPOINTS = "DELETE FROM {} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < ?"
_OLD_RUNS = (
    "DELETE FROM {} WHERE thread_id NOT IN (SELECT thread_id FROM checkpoints GROUP BY thread_id "
    "ORDER BY MAX(checkpoint_id) DESC LIMIT ?)"
)
_TABLES = ("writes", "checkpoints")


class Kept:
    """Mixed into langgraph's savers: knows when something is on disk."""

    _waiting: dict[int, asyncio.Event]

    async def kept(self, record: Any) -> None:
        """Wait until the `record` of a step that ended in this run is on disk."""
        event = self._waiting.get(id(record))
        if event is not None:
            await event.wait()
            self._waiting.pop(id(record), None)

    def expect(self, record: Any) -> None:
        """Make `kept` wait for this one."""
        self._waiting[id(record)] = asyncio.Event()

    def _saved(self, writes: Sequence[tuple[str, Any]]) -> None:
        for _, value in writes:
            event = self._waiting.get(id(value))
            if event is not None:
                event.set()


class SqliteKept(Kept, AsyncSqliteSaver):
    """langgraph's saver, with plain values and no more than the newest checkpoint of a run."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        """Write through `connection`."""
        super().__init__(connection, serde=PlainSerializer())
        self._waiting = {}

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """Keep a checkpoint, and forget those before it: each holds all that the run knows."""
        kept = await super().aput(config, checkpoint, metadata, new_versions)
        place = config["configurable"]
        old = (str(place["thread_id"]), str(place["checkpoint_ns"]), checkpoint["id"])
        async with self.lock:
            for table in _TABLES:
                await self.conn.execute(_OLD_CHECKPOINTS.format(table), old)
            await self.conn.commit()
        return kept

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a step gave."""
        await super().aput_writes(config, writes, task_id, task_path)
        self._saved(writes)

    async def forget(self, keep: int) -> None:
        """Forget all runs but the newest."""
        await self.setup()
        async with self.lock:
            for table in _TABLES:
                await self.conn.execute(_OLD_RUNS.format(table), (keep,))
            await self.conn.commit()


def new_id() -> str:
    """Make the id of a run: whoever does not know it cannot guess it."""
    return secrets.token_urlsafe(_ID_BYTES)


def config_of(run_id: str) -> dict[str, Any]:
    """Make langgraph's name of a run."""
    return {"configurable": {"thread_id": run_id}}


def about(flow: Flow, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Make what a checkpoint says of its run."""
    return {"format": FORMAT, "name": flow.title, "digest": digest(flow), "inputs": dict(inputs)}


@asynccontextmanager
async def opened(settings: WorkflowSettings) -> AsyncIterator[Any]:
    """Open the place where checkpoints are kept.

    Raises:
        ConfigurationError: it cannot be used.
        WorkflowError: what is kept there cannot be read, or written.
    """
    place = await asyncio.to_thread(settings.place)
    if place.startswith(POSTGRES):
        from llmspell_bridges.workflow.postgres import postgres

        async with postgres(place) as saver:
            yield saver
        return
    await asyncio.to_thread(_prepare, place)
    try:
        async with aiosqlite.connect(place, timeout=_BUSY_S) as connection:
            # what another program put into the file runs nothing: no function of SQLite's own
            for pragma in ("trusted_schema = OFF", f"max_page_count = {_MOST_PAGES}"):
                async with connection.execute(f"PRAGMA {pragma}") as answer:
                    await answer.fetchall()  # a statement that is not over keeps WAL from beginning
            yield SqliteKept(connection)
    except sqlite3.Error as error:
        text = f"the checkpoints in `{place}` cannot be used: {error}"
        raise WorkflowError(text) from error


def _prepare(place: str) -> None:
    """Make the file if there is none, for its owner alone."""
    folder = os.path.dirname(os.path.abspath(place))  # noqa: PTH100, PTH120 - as text, like the setting
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103 - as above
        descriptor = os.open(place, flags | os.O_NONBLOCK, 0o600)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ConfigurationError(f"`{place}` cannot hold checkpoints: it is no file")
            if status.st_uid != os.geteuid():
                raise ConfigurationError(
                    f"`{place}` cannot hold checkpoints: it is somebody else's"
                )
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        text = f"`{place}` cannot hold checkpoints: {error.strerror}; set `checkpoints` of `[workflow]`"
        raise ConfigurationError(text, key="checkpoints") from error


async def found(saver: Any, flow: Flow, run_id: str) -> dict[str, Any]:
    """Find a run that was kept, and return its inputs.

    Raises:
        WorkflowError: there is none of this id, or it is of another workflow or version.
    """
    try:
        kept = await saver.aget_tuple(config_of(run_id))
        said = None if kept is None else _said(kept)
    except (LlmspellError, sqlite3.Error):
        raise
    except Exception as error:  # whatever stands in the file, it is none of langgraph's checkpoints
        raise damaged(run_id) from error
    if said is None:
        text = f"no run of the id `{run_id[:60]}` is kept: it was never, or is forgotten by now"
        raise WorkflowError(text)
    if said.get("format") != FORMAT:
        raise WorkflowError("the checkpoint was kept by another version of llmspell: start anew")
    if said.get("name") != flow.title:
        text = (
            f"the checkpoint is of the workflow `{str(said.get('name'))[:80]}`, not `{flow.title}`"
        )
        raise WorkflowError(text)
    if said.get("digest") != digest(flow):
        text = (
            f"the workflow `{flow.title}` has changed since the run `{run_id}`: its steps, their "
            "order, templates or conditions are others; start anew"
        )
        raise WorkflowError(text)
    inputs = said.get("inputs")
    if not isinstance(inputs, dict):
        raise damaged(run_id)
    return inputs


def _said(kept: Any) -> dict[str, Any]:
    """Find what a checkpoint says of its run; it is in another place before the first step."""
    values = kept.checkpoint["channel_values"]
    for source in (values, values.get("__start__"), values.get("__end__")):
        said = source.get("about") if isinstance(source, dict) else None
        if isinstance(said, dict):
            return said
    raise ValueError("it says nothing of itself")


def damaged(run_id: str) -> WorkflowError:
    """Make the error of a checkpoint that is no checkpoint."""
    return WorkflowError(f"the checkpoint of the run `{run_id[:60]}` is damaged: start anew")


__all__ = ["about", "config_of", "damaged", "found", "new_id", "opened"]
