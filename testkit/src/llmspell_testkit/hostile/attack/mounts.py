# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts on mounts: to see other files by rearranging where they are found."""

from __future__ import annotations

from errno import ENOSYS, EPERM

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import AT_FDCWD, call, words


@attempt("mount", futile="needs CAP_SYS_ADMIN")
def mount(scene: Scene) -> None:
    """Mount a file system (none)."""
    call("mount", None, b"/nonexistent", None, 0, None)


@attempt("umount2", futile="needs CAP_SYS_ADMIN")
def unmount(scene: Scene) -> None:
    """Unmount a file system (none)."""
    call("umount2", b"/nonexistent", 0)


@attempt("pivot_root", futile="needs CAP_SYS_ADMIN")
def change_the_root(scene: Scene) -> None:
    """Put another file system in the root's place (none)."""
    call("pivot_root", b"/nonexistent", b"/nonexistent")


@attempt("fsopen", futile="needs CAP_SYS_ADMIN")
def open_a_file_system(scene: Scene) -> None:
    """Mount by the new calls, the first."""
    call("fsopen", b"no-such-system", 0)


@attempt("open_tree", absent=[ENOSYS])
def open_a_tree(scene: Scene) -> None:
    """Get hold of a folder by the new calls for mounts."""
    call("open_tree", AT_FDCWD, b"/", 0)


@attempt("move_mount", futile="needs CAP_SYS_ADMIN")
def move_a_mount(scene: Scene) -> None:
    """Mount by the new calls, the last."""
    call("move_mount", 0, b"", 0, b"", -1)


@attempt("mount_setattr", futile="needs CAP_SYS_ADMIN")
def change_a_mount(scene: Scene) -> None:
    """Make a mount writable."""
    call("mount_setattr", -1, b"", 0, None, 0)


@attempt("listmount", absent=[ENOSYS, EPERM])
def list_mounts(scene: Scene) -> None:
    """List the machine's mounts without a file."""
    call("listmount", words(24, -1, 0), words(0), 1, 0)
