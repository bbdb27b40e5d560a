"""How checkpoints are written: MessagePack of plain values, and nothing else.

langgraph's own serializer brings objects back to life by the name of their class; whoever can
write the file could run code. Here, a file holds data whatever is in it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from llmspell_core import WorkflowError
from llmspell_core.redact import redactor

KIND = "llmspell-1"
"""What a checkpoint of this form is called in the database."""
MAX_BYTES = 16 * 1024 * 1024
"""The largest checkpoint: as large as what may cross to a script at once."""
_ERROR = 1


class PlainSerializer:
    """langgraph's `SerializerProtocol`, for data."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Write a value.

        Raises:
            WorkflowError: it is no data, or too large.
        """
        try:
            data = msgspec.msgpack.encode(redactor.value(obj), enc_hook=_written)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise WorkflowError(f"what a step gave cannot be kept: {error}") from None
        if len(data) > MAX_BYTES:
            raise WorkflowError(f"what the steps gave is larger than {MAX_BYTES:,} bytes")
        return KIND, data

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Read a value.

        Raises:
            WorkflowError: it was written in another way.
        """
        kind, content = data
        if kind != KIND or len(content) > MAX_BYTES:
            shown = str(kind)[:40]
            raise WorkflowError(f"the checkpoint is of another form ({shown!r}): start anew")
        try:
            return msgspec.msgpack.decode(content, ext_hook=_read)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise WorkflowError("the checkpoint is damaged: start anew") from None


def _written(value: object) -> Any:
    """Write an error as its text: a step that failed is run again."""
    if isinstance(value, BaseException):
        return msgspec.msgpack.Ext(_ERROR, str(value)[:1000].encode("utf-8", "replace"))
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"a {type(value).__name__} is no data")


def _read(code: int, data: memoryview) -> Any:
    if code != _ERROR:
        raise ValueError("unknown extension")
    return str(bytes(data), "utf-8", "replace")
