"""Which files a run may touch, decided on resolved paths and opened without following links.

A path is made absolute and cleaned (``a/link/..`` is ``a``), checked, resolved with its links,
checked again, and then opened folder by folder from the root with ``O_NOFOLLOW``. What was
checked is a path without links, so a link that somebody puts there between the check and the
use makes the opening fail, and it is all done again: no race can lead out of what is granted.

The same could be had from ``openat2(RESOLVE_NO_SYMLINKS)``, on Linux alone and through ctypes,
whose import costs more (3 ms) than a thousand of these walks.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import msgspec

from llmspell_bridges.policy.protected import Protected
from llmspell_core.errors import PermissionDeniedError, ValidationError
from llmspell_core.permissions import denied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llmspell_core.permissions import Permissions

T = TypeVar("T")
Access: TypeAlias = Literal["read", "write"]

_DOING = {"read": "reading", "write": "writing"}
_MOVED = (errno.ELOOP, errno.ENOTDIR)
_TRIES = 32
"""How often a path is resolved anew while somebody changes its links."""

_SEARCH = (
    # macOS has O_SEARCH instead of O_PATH; either needs no permission to list a folder on the way
    getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
    | os.O_DIRECTORY
    | os.O_NOFOLLOW
    | os.O_CLOEXEC
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file or folder is, or would be: `name` in the open folder `folder`.

    Use it with ``dir_fd=place.folder`` and ``O_NOFOLLOW``. `path` is what the script wrote, for
    messages; `resolved` is the same absolute and without links.
    """

    folder: int
    name: str
    path: str
    resolved: str
    protected: Protected

    def status(self) -> os.stat_result:
        """Look at what is there, without following a link, and refuse what nobody may touch."""
        status = os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        self.protected.check(status, self.path)
        return status


class PathPolicy:
    """Decides for one run; the grants' own links are resolved once, when it is made.

    What is granted later, by somebody who was asked, is taken as it is: where its links lead has to
    be granted too, so nobody says yes to a file that they were not shown.
    """

    def __init__(
        self,
        permissions: Callable[[], Permissions],
        *,
        root: str | None = None,
        protected: Sequence[str] | None = None,
    ) -> None:
        """Take how to get the run's permissions, which may grow while it runs.

        Relative paths, granted or asked for, start at `root` (default: the working folder).
        `protected` are folders that no grant reaches; default: llmspell's own configuration.
        """
        self.root = os.path.abspath(root or os.getcwd())  # noqa: PTH100, PTH109 - no pathlib here
        self.protected = Protected(protected)
        self._permissions = permissions
        self._led_to: dict[str, str] = {}
        first = permissions()
        for layer in first.layers():
            for grant in (layer.read, layer.write):
                for path in self._absolute(grant):
                    self._led_to.setdefault(path, os.path.realpath(path))

    def clean(self, path: str) -> str:
        """Make `path` absolute and free of ``.`` and ``..``, without looking at any file."""
        whole = os.path.normpath(os.path.join(self.root, path))  # noqa: PTH118 - text only
        return "/" + whole.lstrip("/")

    def resolve(self, path: str, access: Access, where: str, *, follow: bool = True) -> str:
        """Return the path without links that `path` stands for; `follow` the last one too.

        `where` is how errors call the method, such as ``fs.read``. No file is looked at before
        what was written is granted: even that could tell somebody something.

        Raises:
            ValidationError: no file can have this path.
            PermissionDeniedError: it is not granted; the message has the flag that grants it.
        """
        _check_text(path, where)
        clean = self.clean(path)
        self.protected.check_path(clean, path)
        if not self._covers(access, clean):
            refused = denied(access, clean if ".." in path else path)
            refused.wants = ((access, clean),)
            raise refused
        if follow:
            resolved = os.path.realpath(clean)
        else:
            head, tail = os.path.split(clean)
            resolved = os.path.join(os.path.realpath(head), tail)  # noqa: PTH118
        self.protected.check_path(resolved, path)
        if not self._covers(access, resolved):
            text = (
                f"{_DOING[access]} `{path}` is not permitted: it leads to `{resolved}`; "
                f"allow that with --allow-{access}={resolved}"
            )
            refused = PermissionDeniedError(text, flag=f"--allow-{access}={resolved}")
            refused.wants = ((access, resolved),)
            refused.because = f"{clean} leads there"
            raise refused
        return resolved

    def _covers(self, access: Access, path: str) -> bool:
        permissions = self._permissions()
        return not permissions.vetoed(access, path) and all(
            any(is_inside(path, folder) for folder in self._folders(getattr(layer, access)))
            for layer in permissions.layers()
        )

    def _folders(self, grant: bool | tuple[str, ...]) -> Iterator[str]:  # noqa: FBT001 - see below
        for path in self._absolute(grant):
            yield path
            if path in self._led_to:
                yield self._led_to[path]

    def _absolute(self, grant: bool | tuple[str, ...]) -> Iterator[str]:  # noqa: FBT001 - as in `Permissions`
        if isinstance(grant, bool):
            return iter(("/",) if grant else ())
        return (self.clean(os.path.expanduser(path)) for path in grant)  # noqa: PTH111

    def use(
        self,
        path: str,
        access: Access,
        where: str,
        work: Callable[[Place], T],
        *,
        follow: bool = True,
    ) -> T:
        """Call `work` with the open place of `path`; blocking.

        `work` is called again when a link appears on the way, so it must change nothing before
        it has opened what it needs.

        Raises:
            OSError: what the operating system says, or `work`.
        """
        for attempt in range(_TRIES):
            resolved = self.resolve(path, access, where, follow=follow)
            try:
                folder, name = _open_parent(resolved, self.protected)
                try:
                    return work(self._place(folder, name, path, resolved))
                finally:
                    os.close(folder)
            except OSError as error:
                if error.errno not in _MOVED or attempt == _TRIES - 1:
                    raise
        raise AssertionError  # the last attempt returns or raises

    def _place(self, folder: int, name: str, path: str, resolved: str) -> Place:
        return Place(
            folder=folder, name=name, path=path, resolved=resolved, protected=self.protected
        )


def is_inside(path: str, folder: str) -> bool:
    """Say whether the clean absolute `path` is `folder` or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _open_parent(path: str, protected: Protected) -> tuple[int, str]:
    """Open the folder that holds `path`, from the root down, following no link."""
    *folders, name = path[1:].split("/")
    descriptor = os.open("/", _SEARCH)
    try:
        for part in folders:
            child = os.open(part, _SEARCH, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = child
            protected.check(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, name or "."


def _check_text(path: str, where: str) -> None:
    what = ""
    if not path:
        what = "expected a path, got an empty string"
    elif "\0" in path:
        what = "a path has no NUL bytes"
    elif path == "~" or path.startswith("~/"):
        what = "`~` is not expanded: write the whole path, or `./~` for a file of that name"
    if what:
        text = f"bad argument `path` to `{where}`: {what}"
        raise ValidationError(text, argument="path")
