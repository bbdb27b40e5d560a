"""What the operating system says about a file, in the words and kinds of a script's errors."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmspell_core.errors import FileSystemError, LlmspellError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEANING = {
    errno.ENOENT: (
        "not_found",
        "there is no such file or folder; see `fs.list` of its folder, or make it first",
    ),
    errno.ESTALE: ("not_found", "it vanished while it was in use; look again with `fs.exists`"),
    errno.EEXIST: ("exists", "there is something else of that name; remove it first"),
    errno.EISDIR: ("is_folder", "it is a folder; name a file in it, or use `fs.list`"),
    errno.ENOTDIR: ("not_folder", "it, or a part of its path, is not a folder; see `fs.stat`"),
    errno.ENOTEMPTY: ("not_empty", "the folder is not empty; pass {recursive = true}"),
    errno.EROFS: ("read_only", "it is on a read-only filesystem; choose another folder"),
    errno.EACCES: ("refused", "the user running llmspell has no right to it; see its mode"),
    errno.EPERM: ("refused", "the user running llmspell has no right to it; see its mode"),
    errno.ENOSPC: ("no_space", "the disk is full; nothing was changed: free some space"),
    errno.EDQUOT: ("no_space", "the disk quota is used up; nothing was changed: free some space"),
    errno.EFBIG: ("no_space", "it is larger than a file may be here; nothing was changed"),
    errno.ENAMETOOLONG: ("name", "the name is too long; choose a shorter one"),
    errno.EILSEQ: ("name", "this filesystem cannot hold such a name; choose a plainer one"),
    errno.EBUSY: ("busy", "it is in use by the system; try again later"),
    errno.ETXTBSY: ("busy", "it is a program that is running; try again later"),
    errno.ELOOP: (
        "changed",
        "its links lead in a circle, or change while it is opened; name the file itself",
    ),
}
_RETRYABLE = frozenset({"busy", "changed"})


@contextmanager
def translated(where: str, path: str, *, creating: bool = False) -> Iterator[None]:
    """Turn an `OSError` about `path` into a `FileSystemError`; `where` is such as ``fs.read``.

    When `creating` a file, what is not found is its folder.
    """
    try:
        yield
    except LlmspellError:  # some are an OSError as well
        raise
    except OSError as error:
        reason, what = _MEANING.get(error.errno or 0, ("io", f"{error.strerror or error}"))
        if creating and error.errno == errno.ENOENT:
            what = "its folder does not exist; make it with `fs.mkdir`"
        raise problem(where, path, reason, what) from error


def problem(where: str, path: str, reason: str, what: str) -> FileSystemError:
    """Make the error of one path: what failed, where, and what to do about it."""
    text = f"`{where}` of `{path}`: {what}"
    return FileSystemError(text, path=path, reason=reason, retryable=reason in _RETRYABLE)
