# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
# ruff: noqa: PTH116, PTH208 - each names one system call, which pathlib would hide
"""Attempts on /proc: what it tells of the host and of other processes, and of this one.

`victim` stands for the host: a process of the same user that may be looked into. The host itself
cannot be, while it holds keys.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from errno import EACCES, ENOENT, EPERM
from itertools import count

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.files import read_text
from llmspell_testkit.hostile.attack.system import call, libc

_SET_DUMPABLE = 4


def _own_again() -> None:
    """Undo what makes this process's own files in /proc root's, where that is allowed."""
    with suppress(OSError):
        call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)


@attempt(None)
def find_a_secret_in_the_environment(scene: Scene) -> None:
    """Find a key among the variables that this process was given."""
    found = list(os.environ.values())
    # what Python was told, and what the C library still has
    strings = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    if ctypes.cast(strings, ctypes.c_void_p).value is not None:
        for index in count():
            text = strings[index]
            if text is None:
                break
            found.append(text.decode("utf-8", "replace"))
    if not any(scene.canary in text for text in found):
        raise PermissionError(EPERM, "there is none")


@attempt("openat")
def read_environment_of_another(scene: Scene) -> None:
    """Read the keys in another process's environment."""
    assert scene.canary in read_text(f"/proc/{scene.victim}/environ")


@attempt("openat")
def read_memory_of_another(scene: Scene) -> None:
    """Read the keys in another process's memory."""
    fd = os.open(f"/proc/{scene.victim}/mem", os.O_RDONLY)
    assert os.pread(fd, len(scene.canary), scene.address).decode() == scene.canary


@attempt("openat")
def write_memory_of_another(scene: Scene) -> None:
    """Change another process's memory."""
    fd = os.open(f"/proc/{scene.victim}/mem", os.O_RDWR)
    assert os.pwrite(fd, scene.canary.encode(), scene.address)


@attempt("openat")
def read_map_of_another(scene: Scene) -> None:
    """Learn the addresses of another process, which were drawn by lot."""
    assert "stack" in read_text(f"/proc/{scene.victim}/maps")


@attempt("openat")
def list_descriptors_of_another(scene: Scene) -> None:
    """List another process's descriptors."""
    assert os.listdir(f"/proc/{scene.victim}/fd")


@attempt("openat")
def reopen_a_descriptor_of_another(scene: Scene) -> None:
    """Open what another process has open."""
    os.open(f"/proc/{scene.victim}/fd/0", os.O_RDWR)


@attempt("openat")
def read_through_the_root_of_another(scene: Scene) -> None:
    """Reach the files by the way of another process's root."""
    assert scene.canary in read_text(f"/proc/{scene.victim}/root{scene.folder}/canary")


@attempt("openat")
def list_the_folder_of_another(scene: Scene) -> None:
    """List the folder in which another process stands."""
    os.listdir(f"/proc/{scene.victim}/cwd")


@attempt("openat")
def read_command_of_another(scene: Scene) -> None:
    """Read how another process was started: some are given keys that way."""
    assert read_text(f"/proc/{scene.victim}/cmdline")


@attempt("openat")
def read_command_of_the_host(scene: Scene) -> None:
    """Read how the host was started."""
    assert read_text(f"/proc/{scene.host}/cmdline")


@attempt("openat")
def read_status_of_the_host(scene: Scene) -> None:
    """Read whose the host is, and what it may do."""
    assert "Uid" in read_text(f"/proc/{scene.host}/status")


@attempt("newfstatat")
def stat_the_host(scene: Scene) -> None:
    """Ask whether the host still runs."""
    os.stat(f"/proc/{scene.host}")


@attempt("openat")
def list_processes(scene: Scene) -> None:
    """List all processes of the machine."""
    assert str(scene.host) in os.listdir("/proc")


@attempt("openat")
def read_own_environment(scene: Scene) -> None:
    """Read the environment that this process was started with."""
    _own_again()
    read_text("/proc/self/environ")


@attempt("openat")
def read_own_map(scene: Scene) -> None:
    """Learn this process's own addresses."""
    _own_again()
    assert "stack" in read_text("/proc/self/maps")


@attempt("openat")
def write_own_memory(scene: Scene) -> None:
    """Write to memory that is write-protected, by the file that ignores it."""
    _own_again()
    os.open("/proc/self/mem", os.O_RDWR)


@attempt("openat")
def list_own_descriptors(scene: Scene) -> None:
    """List what this process has open."""
    _own_again()
    assert os.listdir("/proc/self/fd")


@attempt("openat")
def reopen_own_descriptor(scene: Scene) -> None:
    """Open the pipe that is stderr for reading."""
    _own_again()
    os.open("/proc/self/fd/2", os.O_RDONLY | os.O_NONBLOCK)


@attempt("openat")
def be_spared_from_memory_shortage(scene: Scene) -> None:
    """Change how soon the kernel kills this process when memory is short."""
    _own_again()
    assert os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"1000")


@attempt("openat")
def take_another_name(scene: Scene) -> None:
    """Look like another program in the list of processes."""
    _own_again()
    assert os.write(os.open("/proc/self/comm", os.O_WRONLY), b"sshd")


@attempt("openat")
def read_load(scene: Scene) -> None:
    """Learn how busy the machine is."""
    assert read_text("/proc/loadavg")


@attempt("openat", absent=[EPERM, EACCES, ENOENT])
def read_kernel_messages(scene: Scene) -> None:
    """Read the kernel's messages, addresses among them."""
    os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)


@attempt("openat", futile="needs root")
def set_core_pattern(scene: Scene) -> None:
    """Have the kernel start a program at the next crash, as root."""
    os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)


@attempt("openat", futile="needs root")
def press_the_kernels_keys(scene: Scene) -> None:
    """Restart the machine by the file that is made for emergencies (opened, not written)."""
    os.open("/proc/sysrq-trigger", os.O_WRONLY)


@attempt("openat", futile="needs root")
def leave_the_control_group(scene: Scene) -> None:
    """Leave the group of processes whose memory is counted together."""
    os.open("/sys/fs/cgroup/cgroup.procs", os.O_WRONLY)


@attempt("openat", futile="a worker has no terminal")
def open_the_terminal(scene: Scene) -> None:
    """Talk to the user's terminal past the host."""
    os.open("/dev/tty", os.O_RDWR)


@attempt("openat", absent=[EACCES, ENOENT])
def make_a_terminal(scene: Scene) -> None:
    """Make a terminal of its own."""
    os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
