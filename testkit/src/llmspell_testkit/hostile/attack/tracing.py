# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts on other processes: to trace, to read, to signal, to slow them."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
from contextlib import suppress
from errno import EBADF, EPERM

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import PAGE, call, pages, vector, words

_TRACE_ME, _PEEK_DATA, _ATTACH, _SEIZE = 0, 2, 16, 0x4206
_WINDOW = signal.SIGWINCH.value
"""A signal that does no harm, to which the same rules apply as to SIGKILL."""
_SELF = -10000
"""The pid file descriptor of oneself, since Linux 6.14."""


def _signal_info() -> ctypes.Array[ctypes.c_long]:
    """Make a `siginfo_t` as `sigqueue` fills it: the signal, then SI_QUEUE."""
    return words(_WINDOW, (-1) & 0xFFFFFFFF, *[0] * 14)


def _filtered() -> bool:
    """Ask a harmless question, to know whether the next call would be the end of the process."""
    try:
        call("getppid")
    except PermissionError:
        return True
    return False


@attempt("ptrace")
def be_traced(scene: Scene) -> None:
    """Have the host be told of every signal, and held up by it."""
    call("ptrace", _TRACE_ME, 0, 0, 0)


@attempt("ptrace")
def trace(scene: Scene) -> None:
    """Stop another process and read its memory."""
    call("ptrace", _ATTACH, scene.victim, 0, 0)
    os.waitpid(scene.victim, 0x40000000)  # __WALL
    word = words(0)
    call("ptrace", _PEEK_DATA, scene.victim, scene.address, word)
    assert scene.canary.startswith(bytes(word).decode())


@attempt("ptrace")
def trace_without_stopping(scene: Scene) -> None:
    """Follow another process."""
    call("ptrace", _SEIZE, scene.victim, 0, 0)


@attempt("process_vm_readv")
def read_memory(scene: Scene) -> None:
    """Copy the keys out of another process's memory."""
    buffer = ctypes.create_string_buffer(len(scene.canary))
    there = words(scene.address, len(scene.canary))
    call("process_vm_readv", scene.victim, vector(buffer), 1, there, 1, 0)
    assert buffer.raw.decode() == scene.canary


@attempt("process_vm_writev")
def write_memory(scene: Scene) -> None:
    """Change another process's memory."""
    buffer = ctypes.create_string_buffer(scene.canary.encode(), len(scene.canary))
    there = words(scene.address, len(scene.canary))
    call("process_vm_writev", scene.victim, vector(buffer), 1, there, 1, 0)


@attempt("process_madvise", absent=[EBADF])
def advise_on_memory(scene: Scene) -> None:
    """Have a process's memory be written to the disk (here: this one's own)."""
    page = pages(mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    call("process_madvise", _SELF, words(page, PAGE), 1, 20, 0)


@attempt("kill")
def kill(scene: Scene) -> None:
    """Signal another process."""
    os.kill(scene.victim, _WINDOW)


@attempt("kill")
def kill_the_host(scene: Scene) -> None:
    """Ask whether the host could be signalled (by the signal that is none)."""
    os.kill(scene.host, 0)


@attempt("tkill")
def kill_a_thread(scene: Scene) -> None:
    """Signal a thread of another process."""
    call("tkill", scene.victim, _WINDOW)


@attempt("tgkill")
def kill_a_thread_by_the_new_call(scene: Scene) -> None:
    """Signal a thread of another process by the call that a crash needs for itself."""
    call("tgkill", scene.victim, scene.victim, _WINDOW)


@attempt("rt_sigqueueinfo")
def queue_a_signal(scene: Scene) -> None:
    """Signal another process with a lie about who did it."""
    call("rt_sigqueueinfo", scene.victim, _WINDOW, _signal_info())


@attempt("rt_tgsigqueueinfo")
def queue_a_signal_to_a_thread(scene: Scene) -> None:
    """Signal a thread of another process with a lie about who did it."""
    call("rt_tgsigqueueinfo", scene.victim, scene.victim, _WINDOW, _signal_info())


@attempt("pidfd_open")
def hold_a_process(scene: Scene) -> None:
    """Get a descriptor of another process."""
    os.pidfd_open(scene.victim)


@attempt("pidfd_send_signal")
def kill_by_descriptor(scene: Scene) -> None:
    """Signal another process by a descriptor of it."""
    pidfd = -1 if _filtered() else os.pidfd_open(scene.victim)
    call("pidfd_send_signal", pidfd, _WINDOW, None, 0)


@attempt("pidfd_getfd")
def steal_a_descriptor(scene: Scene) -> None:
    """Take a descriptor out of another process."""
    pidfd = -1 if _filtered() else os.pidfd_open(scene.victim)
    call("pidfd_getfd", pidfd, 0, 0)


@attempt("setpriority")
def slow_the_host(scene: Scene) -> None:
    """Set the host's priority (to what it has)."""
    priority = os.getpriority(os.PRIO_PROCESS, scene.host)
    os.setpriority(os.PRIO_PROCESS, scene.host, priority)


@attempt("sched_setaffinity")
def pin_the_host(scene: Scene) -> None:
    """Tie the host to processors (to those it has)."""
    os.sched_setaffinity(scene.host, os.sched_getaffinity(scene.host))


@attempt("sched_setscheduler")
def demote_the_victim(scene: Scene) -> None:
    """Let another process run only when nothing else does."""
    call("sched_setscheduler", scene.victim, 3, words(0))


@attempt("ioprio_set")
def slow_the_disks_of_the_victim(scene: Scene) -> None:
    """Let another process's files wait."""
    call("ioprio_set", 1, scene.victim, (2 << 13) | 7)


@attempt("prlimit64")
def read_limits_of_the_host(scene: Scene) -> None:
    """Read the host's limits."""
    call("prlimit64", scene.host, resource.RLIMIT_NOFILE, None, words(0, 0))


@attempt("prlimit64")
def write_limits_of_the_host(scene: Scene) -> None:
    """Set the host's limits (to what they are)."""
    now = words(0, 0)
    with suppress(PermissionError):
        call("prlimit64", scene.host, resource.RLIMIT_CORE, None, now)
    call("prlimit64", scene.host, resource.RLIMIT_CORE, now, None)


@attempt("prlimit64")
def change_own_limits(scene: Scene) -> None:
    """Lower a limit of this process, which shows that limits can be set."""
    call("prlimit64", 0, resource.RLIMIT_NOFILE, words(64, 64), None)


@attempt("prlimit64", futile="needs CAP_SYS_RESOURCE")
def raise_own_memory_limit(scene: Scene) -> None:
    """Lift the limit of this process's memory."""
    call("prlimit64", 0, resource.RLIMIT_DATA, words(1 << 40, 1 << 40), None)


@attempt("migrate_pages", absent=[EPERM])
def move_memory_of_another(scene: Scene) -> None:
    """Move another process's memory to slower banks (to where it is)."""
    node = words(1)
    call("migrate_pages", scene.victim, 64, node, node)


@attempt("getrusage")
def own_use(scene: Scene) -> None:
    """Measure what this process has used."""
    call("getrusage", 0, words(*[0] * 20))
