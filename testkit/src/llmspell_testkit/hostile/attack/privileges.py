# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts to be more: another user, other rules for this process, other filters."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from errno import EINVAL, ENODEV, ENOSYS, EOPNOTSUPP, EPERM

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import call, words

_PDEATHSIG, _DUMPABLE, _NAME, _SECCOMP, _TSC, _SECUREBITS, _SLACK = 1, 4, 15, 22, 26, 28, 29
_MM, _SUBREAPER, _NO_NEW_PRIVS, _THP, _SPECULATION = 35, 36, 38, 41, 52
_GET_PDEATHSIG = 2
_PTRACER = 0x59616D61
_ALLOW_ALL = struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)


def _filter() -> tuple[ctypes.Array[ctypes.c_long], object]:
    """Make a `sock_fprog` that allows everything, and what must be kept for it."""
    code = ctypes.create_string_buffer(_ALLOW_ALL, 8)
    return words(1, ctypes.addressof(code)), code


def _prctl(option: int, *values: int) -> None:
    call("prctl", option, *(*values, 0, 0, 0, 0)[:4])


@attempt("setuid")
def set_user(scene: Scene) -> None:
    """Set the user (to who it is)."""
    call("setuid", os.getuid())


@attempt("setresgid")
def set_group(scene: Scene) -> None:
    """Set the group (to what it is)."""
    call("setresgid", -1, -1, -1)


@attempt("setgroups", futile="needs CAP_SETGID")
def set_groups(scene: Scene) -> None:
    """Join other groups."""
    call("setgroups", -1, None)


@attempt("capget")
def read_capabilities(scene: Scene) -> None:
    """Ask what the host may do."""
    call("capget", struct.pack("=II", 0x20080522, scene.host), ctypes.create_string_buffer(24))


@attempt("capset")
def write_capabilities(scene: Scene) -> None:
    """Set what this process may do (to nothing)."""
    call("capset", struct.pack("=II", 0x20080522, 0), bytes(24))


@attempt("prctl")
def be_dumpable(scene: Scene) -> None:
    """Open this process's memory to its user's other processes again."""
    _prctl(_DUMPABLE, 1)


@attempt(None)
def live_on_alone(scene: Scene) -> None:
    """Be left running when the host is killed."""
    death = words(0)
    call("prctl", _GET_PDEATHSIG, death, 0, 0, 0)
    if death[0]:
        raise PermissionError(EPERM, f"signal {death[0]} comes with it")


@attempt("prctl")
def outlive_the_host(scene: Scene) -> None:
    """Not be killed when the host ends."""
    _prctl(_PDEATHSIG, 0)


@attempt("prctl")
def adopt_orphans(scene: Scene) -> None:
    """Become the parent of processes that outlived theirs."""
    _prctl(_SUBREAPER, 1)


@attempt("prctl", absent=[EINVAL])
def be_traced_by_anybody(scene: Scene) -> None:
    """Let every process trace this one."""
    _prctl(_PTRACER, -1)


@attempt("prctl")
def huge_pages(scene: Scene) -> None:
    """Let memory be given out in pieces of 2 MiB, past the count of the host."""
    _prctl(_THP, 0)


@attempt("prctl")
def exact_timers(scene: Scene) -> None:
    """Wake up more exactly than other programs: an attack on caches needs it."""
    _prctl(_SLACK, 1)


@attempt("prctl", absent=[EINVAL])
def cycle_counter(scene: Scene) -> None:
    """Allow reading the processor's cycle counter."""
    _prctl(_TSC, 1)


@attempt("prctl", absent=[ENODEV, EINVAL, EOPNOTSUPP])
def speculation(scene: Scene) -> None:
    """Ask how the processor guards against reading ahead."""
    _prctl(_SPECULATION, 0)


@attempt("prctl")
def take_a_name(scene: Scene) -> None:
    """Look like another program in the list of processes."""
    call("prctl", _NAME, b"sshd", 0, 0, 0)


@attempt("prctl", futile="nothing can undo it")
def new_privileges(scene: Scene) -> None:
    """Let programs that this one starts gain privileges."""
    _prctl(_NO_NEW_PRIVS, 0)


@attempt("prctl", futile="needs CAP_SETPCAP")
def secure_bits(scene: Scene) -> None:
    """Change what becoming another user means."""
    _prctl(_SECUREBITS, 1)


@attempt("prctl", futile="needs CAP_SYS_RESOURCE")
def move_the_memory_map(scene: Scene) -> None:
    """Lie to the kernel about where this program lies."""
    _prctl(_MM, 9, 0)


@attempt("prctl")
def filter_by_prctl(scene: Scene) -> None:
    """Add a filter that allows everything."""
    program, kept = _filter()
    call("prctl", _SECCOMP, 2, program, 0, 0)
    del kept


@attempt("seccomp")
def filter_by_seccomp(scene: Scene) -> None:
    """Add a filter that allows everything, to all threads."""
    program, kept = _filter()
    call("seccomp", 1, 0, program)
    del kept


@attempt("seccomp")
def ask_another_process_to_judge(scene: Scene) -> None:
    """Add a filter whose judge is a descriptor that can be given away."""
    program, kept = _filter()
    os.close(call("seccomp", 1, 8, program))
    del kept


@attempt("landlock_create_ruleset", absent=[ENOSYS, EOPNOTSUPP])
def rule_set(scene: Scene) -> None:
    """Make rules for files anew."""
    call("landlock_create_ruleset", words(1), 8, 0)


@attempt("personality")
def personality(scene: Scene) -> None:
    """Have all memory that can be read be executable, and addresses be known."""
    call("personality", 0x0440000)


@attempt("arch_prctl", only="x86_64")
def thread_register(scene: Scene) -> None:
    """Ask for the register by which a thread finds its secrets."""
    call("arch_prctl", 0x1003, words(0))


@attempt("modify_ldt", absent=[ENOSYS], only="x86_64")
def segments(scene: Scene) -> None:
    """Reach the processor's oldest tables, which have had many a mistake."""
    call("modify_ldt", 0, ctypes.create_string_buffer(16), 16)


@attempt("iopl", futile="needs CAP_SYS_RAWIO", only="x86_64")
def ports(scene: Scene) -> None:
    """Reach the machine's ports."""
    call("iopl", 3)


@attempt("ioperm", futile="needs CAP_SYS_RAWIO", only="x86_64")
def one_port(scene: Scene) -> None:
    """Reach one of the machine's ports."""
    call("ioperm", 0x80, 1, 1)


@attempt("rt_sigaction")
def catch_signals(scene: Scene) -> None:
    """Ignore the signal that ends a process over its processor time."""
    action = ctypes.create_string_buffer(32)
    action.raw = (1).to_bytes(8, "little") + bytes(24)
    call("rt_sigaction", signal.SIGXCPU.value, action, None, 8)


@attempt("sigaltstack")
def stack_for_signals(scene: Scene) -> None:
    """Have signals be handled elsewhere."""
    call("sigaltstack", None, words(0, 0, 0))


@attempt("set_tid_address")
def word_cleared_at_exit(scene: Scene) -> None:
    """Have the kernel write to an address when a thread ends."""
    call("set_tid_address", None)
