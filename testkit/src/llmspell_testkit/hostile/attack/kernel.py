# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts on the kernel's own subsystems, and on what it knows about the machine."""

from __future__ import annotations

import ctypes
import os
import signal
from errno import EACCES, ENOENT, ENOKEY, ENOSYS, EPERM

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import call, call_number, words

_PROCESS_KEYS = -2
_X32 = 0x40000000


@attempt("io_uring_setup", absent=[ENOSYS, EPERM])
def ring(scene: Scene) -> None:
    """Make a ring by which system calls are made without being made."""
    call("io_uring_setup", 4, ctypes.create_string_buffer(120))


@attempt("io_uring_enter", absent=[ENOSYS], futile="there is no ring")
def enter_a_ring(scene: Scene) -> None:
    """Have a ring's calls be made."""
    call("io_uring_enter", 0, 1, 0, 0, None, 0)


@attempt("io_setup", absent=[ENOSYS])
def old_ring(scene: Scene) -> None:
    """Make the ring's predecessor."""
    call("io_setup", 1, words(0))


@attempt("bpf", absent=[ENOSYS, EPERM])
def kernel_program(scene: Scene) -> None:
    """Load a program into the kernel (here: make a map for one)."""
    call("bpf", 0, (ctypes.c_int * 32)(2, 4, 4, 1), 72)


@attempt("perf_event_open", absent=[ENOSYS, EPERM, EACCES, ENOENT])
def count_events(scene: Scene) -> None:
    """Count what the processor does, which tells what others do."""
    event = (ctypes.c_int * 32)(1, 112)
    call("perf_event_open", event, 0, -1, -1, 0)


@attempt("add_key", absent=[ENOSYS])
def keep_a_key(scene: Scene) -> None:
    """Leave something in the kernel's keyring."""
    call("add_key", b"user", b"llmspell-attack", b"x", 1, _PROCESS_KEYS)


@attempt("request_key", absent=[ENOSYS])
def ask_for_a_key(scene: Scene) -> None:
    """Find somebody else's key, for which the kernel may start a program."""
    try:
        call("request_key", b"user", b"llmspell-attack", None, _PROCESS_KEYS)
    except OSError as error:
        if error.errno != ENOKEY:  # there is none: the call was made
            raise


@attempt("keyctl", absent=[ENOSYS])
def read_keys(scene: Scene) -> None:
    """Read what keyrings there are."""
    call("keyctl", 0, _PROCESS_KEYS, 1, 0, 0)


@attempt("kexec_load", futile="needs CAP_SYS_BOOT")
def load_a_kernel(scene: Scene) -> None:
    """Replace the kernel (by flags that it refuses)."""
    call("kexec_load", 0, 0, None, -1)


@attempt("kexec_file_load", futile="needs CAP_SYS_BOOT")
def load_a_kernel_from_a_file(scene: Scene) -> None:
    """Replace the kernel by a file (by flags that it refuses)."""
    call("kexec_file_load", -1, -1, 0, None, -1)


@attempt("init_module", futile="needs CAP_SYS_MODULE")
def load_a_module(scene: Scene) -> None:
    """Load code into the kernel (none)."""
    call("init_module", None, 0, b"")


@attempt("finit_module", futile="needs CAP_SYS_MODULE")
def load_a_module_from_a_file(scene: Scene) -> None:
    """Load code into the kernel by a file (/dev/null)."""
    call("finit_module", 0, b"", 0)


@attempt("delete_module", futile="needs CAP_SYS_MODULE")
def unload_a_module(scene: Scene) -> None:
    """Take code out of the kernel (none)."""
    call("delete_module", b"no-such-module", os.O_NONBLOCK)


@attempt("reboot", futile="needs CAP_SYS_BOOT")
def restart_the_machine(scene: Scene) -> None:
    """Restart the machine (by magic numbers that it refuses)."""
    call("reboot", 0, 0, 0, None)


@attempt("swapon", futile="needs CAP_SYS_ADMIN")
def swap(scene: Scene) -> None:
    """Have memory be written to a file (none)."""
    call("swapon", b"/nonexistent", 0)


@attempt("acct", futile="needs CAP_SYS_PACCT")
def account(scene: Scene) -> None:
    """Have every process be written to a file (none)."""
    call("acct", b"/nonexistent")


@attempt("quotactl", futile="needs a block device")
def quota(scene: Scene) -> None:
    """Change how much of the disk a user may use."""
    call("quotactl", -1, None, 0, None)


@attempt("sethostname", futile="needs CAP_SYS_ADMIN")
def name_the_machine(scene: Scene) -> None:
    """Give the machine another name (of an impossible length)."""
    call("sethostname", None, -1)


@attempt("settimeofday", futile="needs CAP_SYS_TIME")
def set_the_clock(scene: Scene) -> None:
    """Set the clock (to an impossible time)."""
    call("settimeofday", words(-1, -1), None)


@attempt("clock_settime", futile="needs CAP_SYS_TIME")
def set_a_clock(scene: Scene) -> None:
    """Set a clock (to an impossible time)."""
    call("clock_settime", 0, words(-1, -1))


@attempt("adjtimex")
def read_the_clocks_state(scene: Scene) -> None:
    """Read how the clock is kept."""
    call("adjtimex", ctypes.create_string_buffer(512))


@attempt("syslog", absent=[EPERM])
def read_kernel_log(scene: Scene) -> None:
    """Ask how long the kernel's log is."""
    call("syslog", 10, None, 0)


@attempt("sysinfo")
def ask_about_the_machine(scene: Scene) -> None:
    """Learn since when the machine runs, and how much memory it has."""
    call("sysinfo", ctypes.create_string_buffer(256))


@attempt("uname")
def ask_for_the_kernel(scene: Scene) -> None:
    """Learn the kernel's version, to choose an attack by it."""
    call("uname", ctypes.create_string_buffer(6 * 65))


@attempt("getuid")
def ask_for_the_user(scene: Scene) -> None:
    """Learn the user's number."""
    call("getuid")


@attempt("getcpu")
def ask_for_the_processor(scene: Scene) -> None:
    """Learn which processor this is, to share its cache with another."""
    call("getcpu", words(0), words(0), None)


@attempt("sched_getaffinity")
def ask_for_the_processors(scene: Scene) -> None:
    """Learn how many processors there are."""
    call("sched_getaffinity", 0, 128, ctypes.create_string_buffer(128))


@attempt("times")
def ask_for_the_ticks(scene: Scene) -> None:
    """Learn since when the machine runs, by its ticks."""
    call("times", None)


@attempt("membarrier", absent=[ENOSYS])
def stop_all_processors(scene: Scene) -> None:
    """Make all processors wait for one another."""
    call("membarrier", 1, 0, 0)


@attempt("timer_create")
def timer(scene: Scene) -> None:
    """Have a signal come later."""
    call("timer_create", 1, None, words(0))


@attempt("setitimer")
def alarm(scene: Scene) -> None:
    """Have a signal come later, by the old call."""
    signal.setitimer(signal.ITIMER_REAL, 1000)


@attempt("timerfd_create")
def timer_file(scene: Scene) -> None:
    """Make a clock that is a file."""
    call("timerfd_create", 1, 0)


@attempt("eventfd2")
def event_file(scene: Scene) -> None:
    """Make a counter that is a file."""
    call("eventfd2", 0, 0)


@attempt("signalfd4")
def signal_file(scene: Scene) -> None:
    """Read signals from a file."""
    call("signalfd4", -1, words(0), 8, 0)


@attempt("epoll_create1")
def waiting_file(scene: Scene) -> None:
    """Wait for many descriptors."""
    call("epoll_create1", 0)


@attempt("ppoll")
def wait_for_descriptors(scene: Scene) -> None:
    """Wait for many descriptors, by the old call."""
    call("ppoll", None, 0, words(0, 0), None, 0)


@attempt("x32", absent=[ENOSYS], only="x86_64")
def call_by_other_numbers(scene: Scene) -> None:
    """Make a call by its number in the x32 interface, where filters that only compare fail."""
    call_number(_X32 | 39)


@attempt("x32", absent=[ENOSYS], only="x86_64")
def read_by_other_numbers(scene: Scene) -> None:
    """Make a call that is allowed by its number in the x32 interface."""
    call_number(_X32 | 0, 0, None, 0)


@attempt("unknown", futile="there is no such call")
def call_that_does_not_exist_yet(scene: Scene) -> None:
    """Make a call that a later kernel may have."""
    call_number(900)
