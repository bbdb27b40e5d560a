"""The bridges `fs` and `http` of a run, for tools: one policy, one set of connections.

A spell that names neither gets them too, when a tool needs them; what is permitted is the same.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from llmspell_core import FileSystemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_bridges.fs import FsBridge
    from llmspell_bridges.http import HttpBridge
    from llmspell_bridges.policy.paths import Access
    from llmspell_core import CallContext, PermissionDeniedError, Session

_REMEDIES = {
    "not_found": "there is no such file or folder; see what there is with the tool `file_list`",
    "is_folder": "it is a folder; list it with the tool `file_list`",
    "not_text": "it is no UTF-8 text; the tool `file_read` reads text and images",
    "not_folder": "it is no folder; read it with the tool `file_read`",
}
"""What a model can do about it: a spell is told of methods, and a model of tools."""


async def files(session: Session) -> FsBridge:
    """Find the run's bridge `fs`, or open it."""
    if "fs" not in session.bridges:
        from llmspell_bridges.fs import FsBridge

        session.bridges["fs"] = FsBridge.from_settings(session.settings.get("fs", {}))
    return cast("FsBridge", await session.bridge("fs"))


async def web(session: Session) -> HttpBridge:
    """Find the run's bridge `http`, or open it."""
    if "http" not in session.bridges:
        from llmspell_bridges.http import HttpBridge

        session.bridges["http"] = HttpBridge.from_settings(session.settings.get("http", {}))
    return cast("HttpBridge", await session.bridge("http"))


@contextmanager
def in_words_of_tools(path: str, too_large: str = "") -> Iterator[None]:
    """Say of a file's error what a tool can do about it; `too_large` is the remedy for that."""
    try:
        yield
    except FileSystemError as error:
        what = too_large if error.reason == "too_large" else _REMEDIES.get(error.reason)
        if not what:
            raise
        text = f"`{path}`: {what}"
        raise FileSystemError(
            text, path=error.path, reason=error.reason, retryable=error.retryable
        ) from error


async def web_refusal(url: str, ctx: CallContext) -> PermissionDeniedError | None:
    """Say how the host of `url` would be refused, nobody being asked; None where it is granted."""
    client = await (await web(ctx.session)).client()
    from llmspell_bridges.http.request import parse_url

    return client.refusal(parse_url(url, ctx.where), ctx.where)


async def path_refusal(path: str, access: Access, ctx: CallContext) -> PermissionDeniedError | None:
    """Say how `path` would be refused, nobody being asked; None where it is granted."""
    return await (await files(ctx.session)).refusal(path, access, ctx.where)
