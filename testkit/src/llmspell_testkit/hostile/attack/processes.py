# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts to make processes and threads, and to become another program."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
from errno import ENOSYS, EPERM

from llmspell_testkit.hostile.attack.attempt import OWNED, Scene, attempt
from llmspell_testkit.hostile.attack.system import AT_FDCWD, call, libc, words

_SHELL = ["/bin/sh", "-c", f"exit {OWNED}"]
_CLONE_NEWUSER, _CLONE_NEWNET, _CLONE_FILES = 0x10000000, 0x40000000, 0x400


def _end_child(pid: int) -> None:
    """End in the child; wait for it in the parent."""
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _program() -> bytes:
    """Make the smallest program that exits with `OWNED`: one segment, three instructions."""
    machine, code = {
        "x86_64": (62, bytes([0xBF, OWNED, 0, 0, 0, 0xB8, 60, 0, 0, 0, 0x0F, 0x05])),
        "aarch64": (183, struct.pack("<III", 0xD2800000 | OWNED << 5, 0xD2800BA8, 0xD4000001)),
    }[platform.machine()]
    base, start = 0x400000, 64 + 56
    size = start + len(code)
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return head + segment + code


def _strings(texts: list[str]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(texts) + 1))(*[text.encode() for text in texts], None)


@attempt("clone")
def fork(scene: Scene) -> None:
    """Make a child, which the host knows nothing of."""
    _end_child(os.fork())


@attempt("fork", only="x86_64")
def fork_by_the_old_call(scene: Scene) -> None:
    """Make a child through the system call that libraries no longer use."""
    _end_child(call("fork"))


@attempt("vfork", only="x86_64", futile="from Python it would ruin the stack of both")
def fork_for_a_program(scene: Scene) -> None:
    """Make a child that is about to run another program."""
    call("vfork")


@attempt("clone")
def clone_a_process(scene: Scene) -> None:
    """Make a child by the call that also makes threads."""
    _end_child(call("clone", signal.SIGCHLD.value, 0, 0, 0, 0))


@attempt("clone3", absent=[ENOSYS])
def clone_by_the_new_call(scene: Scene) -> None:
    """Make a child by the call whose arguments a filter cannot see."""
    _end_child(call("clone3", words(0, 0, 0, 0, signal.SIGCHLD.value, 0, 0, 0, 0, 0, 0), 88))


@attempt("clone3")
def start_a_thread(scene: Scene) -> None:
    """Start a thread, for a second pair of hands."""
    thread = words(0)
    start = ctypes.cast(libc.getpid, ctypes.c_void_p)
    code = libc.pthread_create(thread, None, start, None)
    if code:
        raise OSError(code, os.strerror(code))
    assert libc.pthread_join(ctypes.c_long(thread[0]), None) == 0


@attempt("execve")
def run_a_program(scene: Scene) -> None:
    """Become a shell."""
    os.execv(_SHELL[0], _SHELL)  # noqa: S606 - that is the attempt


@attempt("execveat")
def run_a_program_by_descriptor(scene: Scene) -> None:
    """Become a shell by the call that filters forget."""
    call("execveat", AT_FDCWD, _SHELL[0].encode(), _strings(_SHELL), _strings([]), 0)


@attempt("memfd_create")
def run_a_program_from_memory(scene: Scene) -> None:
    """Become a program that was never a file."""
    fd = os.memfd_create("program", 0)
    os.write(fd, _program())
    os.execve(fd, _SHELL, {})  # noqa: S606 - that is the attempt


@attempt("clone3")
def spawn_a_program(scene: Scene) -> None:
    """Start a program beside this one."""
    _, status = os.waitpid(os.posix_spawn(_SHELL[0], _SHELL, {}), 0)
    assert os.waitstatus_to_exitcode(status) == OWNED


@attempt("clone3")
def run_a_command(scene: Scene) -> None:
    """Have a shell run a command, as `os.system` does."""
    ctypes.set_errno(0)
    status = libc.system(b"exit %d" % OWNED)
    if status >> 8 != OWNED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@attempt("wait4")
def wait_for_a_child(scene: Scene) -> None:
    """Wait for a child's end (there is none, which the kernel says)."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return


@attempt("setsid")
def leave_the_session(scene: Scene) -> None:
    """Leave the session, so that no signal to the group arrives."""
    os.setsid()


@attempt("setpgid")
def leave_the_group(scene: Scene) -> None:
    """Leave the process group."""
    call("setpgid", 0, 0)


@attempt("getppid")
def ask_for_the_hosts_number(scene: Scene) -> None:
    """Learn the host's process number."""
    call("getppid")


@attempt("getpgid")
def ask_for_the_hosts_group(scene: Scene) -> None:
    """Ask whether a process exists, by its group."""
    call("getpgid", scene.host)


@attempt("unshare", absent=[EPERM])
def own_users(scene: Scene) -> None:
    """Become root in a world of its own, which opens much of the kernel."""
    call("unshare", _CLONE_NEWUSER)


@attempt("unshare", absent=[EPERM])
def own_network(scene: Scene) -> None:
    """Become the owner of a network of its own."""
    call("unshare", _CLONE_NEWUSER | _CLONE_NEWNET)


@attempt("unshare")
def own_descriptors(scene: Scene) -> None:
    """Part from the other threads' table of descriptors."""
    call("unshare", _CLONE_FILES)


@attempt("setns", futile="needs CAP_SYS_ADMIN")
def enter_a_namespace(scene: Scene) -> None:
    """Enter another process's world."""
    call("setns", 0, 0)


@attempt("kcmp", absent=[ENOSYS])
def compare_with_another(scene: Scene) -> None:
    """Ask whether another process has the same file open."""
    call("kcmp", scene.victim, scene.victim, 0, 0, 0)
