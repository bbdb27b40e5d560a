"""Checkpoints in a Postgres database, for hosts that share them; needs the extra `postgres`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from llmspell_bridges.workflow.checkpoints import Kept
from llmspell_bridges.workflow.serializer import PlainSerializer
from llmspell_core import UnsupportedError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

try:
    import psycopg
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg.rows import dict_row
except ModuleNotFoundError as missing:
    text = (
        f"checkpoints in Postgres need the package `{missing.name}`; "
        'install it with: pip install "llmspell-bridges[postgres]"'
    )
    raise UnsupportedError(text, capability="postgres") from missing

_OLD_RUNS = "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY MAX(checkpoint_id) DESC OFFSET %s"


class PostgresKept(Kept, AsyncPostgresSaver):
    """langgraph's saver, with plain values."""

    def __init__(self, connection: Any) -> None:
        """Write through `connection`."""
        super().__init__(connection, serde=PlainSerializer())
        self._waiting = {}

    async def aput_writes(
        self, config: Any, writes: Any, task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a step gave."""
        await super().aput_writes(config, writes, task_id, task_path)
        self._saved(writes)

    async def forget(self, keep: int) -> None:
        """Forget all runs but the newest."""
        async with self._cursor() as cursor:
            await cursor.execute(_OLD_RUNS, (keep,))
            old = [row["thread_id"] for row in await cursor.fetchall()]
        for run_id in old:
            await self.adelete_thread(run_id)


@asynccontextmanager
async def postgres(url: str) -> AsyncIterator[PostgresKept]:
    """Connect, and make the tables where there are none.

    Raises:
        WorkflowError: the database cannot be used; the URL is not shown.
    """
    try:
        async with await psycopg.AsyncConnection.connect(
            url, autocommit=True, prepare_threshold=0, row_factory=dict_row
        ) as connection:
            saver = PostgresKept(connection)
            await saver.setup()
            yield saver
    except psycopg.Error as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WorkflowError(f"the database of the checkpoints cannot be used: {what}") from None
