# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts on memory: to execute what was written, and to share memory with others."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import signal
from contextlib import suppress

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import PAGE, call, checked, libc, pages, words

_DATA = mmap.PROT_READ | mmap.PROT_WRITE
_CODE = mmap.PROT_READ | mmap.PROT_EXEC
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_SHARED = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
_SHARED_VALIDATE = 3
_IPC_CREATE = 0o1600
_HUGE = 1 << 21

# mov eax, 20 (getpid of the 32-bit interface); int 0x80; ret
_OLD_DOOR = bytes.fromhex("b814000000cd80c3")
_code_address = 0


def prepare() -> None:
    """Make memory that can be executed, as V8 has it, before there is a lock."""
    global _code_address  # noqa: PLW0603 - once per process
    if platform.machine() == "x86_64":
        _code_address = _code()


def _code() -> int:
    address = pages(_DATA, _PRIVATE)
    ctypes.memmove(address, _OLD_DOOR, len(_OLD_DOOR))
    checked(libc.mprotect(ctypes.c_void_p(address), PAGE, _CODE))
    return address


def _through_the_old_door(address: int) -> None:
    assert ctypes.CFUNCTYPE(ctypes.c_int)(address)() == os.getpid()


@attempt("mmap")
def map_writable_code(scene: Scene) -> None:
    """Map memory that can be written and executed."""
    pages(_DATA | mmap.PROT_EXEC, _PRIVATE)


@attempt("mmap")
def map_code(scene: Scene) -> None:
    """Map memory that can be executed."""
    pages(_CODE, _PRIVATE)


@attempt("mprotect")
def make_code(scene: Scene) -> None:
    """Make executable what was written."""
    address = pages(_DATA, _PRIVATE)
    checked(libc.mprotect(ctypes.c_void_p(address), PAGE, _CODE))


@attempt("mprotect")
def make_the_stack_code(scene: Scene) -> None:
    """Make the stack executable, by a range that grows."""
    here = ctypes.addressof(words(0)) & -PAGE
    checked(libc.mprotect(ctypes.c_void_p(here), PAGE, _DATA | mmap.PROT_EXEC))


@attempt("pkey_mprotect", absent=[errno.ENOSYS])  # aarch64 has it since 6.12
def make_code_by_the_new_call(scene: Scene) -> None:
    """Make executable what was written, by the call that filters forget."""
    address = pages(_DATA, _PRIVATE)
    call("pkey_mprotect", address, PAGE, _CODE, -1)


@attempt("pkey_alloc", absent=[errno.ENOSPC, errno.EINVAL, errno.ENOSYS])
def protection_key(scene: Scene) -> None:
    """Get a key by which a thread opens and closes memory for itself."""
    call("pkey_alloc", 0, 0)


@attempt("mprotect", absent=[-signal.SIGSEGV], only="x86_64")
def enter_by_the_old_door(scene: Scene) -> None:
    """Write machine code and make a system call of the 32-bit interface, by other numbers."""
    _through_the_old_door(_code())


@attempt("int 0x80", absent=[-signal.SIGSEGV], only="x86_64")
def enter_by_the_old_door_with_code_there_is(scene: Scene) -> None:
    """Do that in executable memory from before the lock, such as V8 has."""
    _through_the_old_door(_code_address)


@attempt("mmap")
def map_shared(scene: Scene) -> None:
    """Map memory that a child could share and no limit counts."""
    pages(_DATA, _SHARED)


@attempt("mmap")
def map_shared_by_the_new_flag(scene: Scene) -> None:
    """Map a file's pages, shared, by the flag that filters forget."""
    try:
        fd = os.open(f"{scene.folder}/canary", os.O_RDWR)
    except PermissionError:
        with suppress(OSError):  # the call itself, for a filter to judge
            pages(_DATA, _SHARED_VALIDATE)
        raise
    pages(_DATA, _SHARED_VALIDATE, fd)


@attempt("mmap", absent=[errno.ENOMEM, errno.EINVAL])
def map_huge_pages(scene: Scene) -> None:
    """Take the huge pages that the machine keeps for others."""
    mmap.mmap(-1, _HUGE, flags=_PRIVATE | 0x40000, prot=_DATA)


@attempt("madvise", absent=[errno.EINVAL])
def merge_equal_pages(scene: Scene) -> None:
    """Have equal pages be merged: by what writing costs, one learns what others hold."""
    call("madvise", pages(_DATA, _PRIVATE), PAGE, 12)


@attempt("madvise", futile="needs CAP_SYS_ADMIN")
def poison_a_page(scene: Scene) -> None:
    """Declare the machine's memory broken (at an address where there is none)."""
    call("madvise", 0, 0, 100)


@attempt("futex", absent=[errno.ENOSYS])
def lock_with_priority(scene: Scene) -> None:
    """Take a lock that lends priority, where the kernel has had many a mistake."""
    call("futex", words(0), 6, 0, None, None, 0)


@attempt("remap_file_pages", absent=[errno.EINVAL, errno.ENOSYS])
def remap(scene: Scene) -> None:
    """Move pages about in shared memory, a call long given up."""
    try:
        address = pages(_DATA, _SHARED)
    except PermissionError:
        address = pages(_DATA, _PRIVATE)
    call("remap_file_pages", address, PAGE, 0, 0, 0)


@attempt("memfd_create")
def memory_file(scene: Scene) -> None:
    """Make a file in memory."""
    os.memfd_create("attack", 0)


@attempt("memfd_secret", absent=[errno.ENOSYS])
def secret_memory(scene: Scene) -> None:
    """Make memory that the kernel itself does not map, and never swaps."""
    call("memfd_secret", 0)


@attempt("mlock")
def lock_memory(scene: Scene) -> None:
    """Have memory never be swapped."""
    checked(libc.mlock(ctypes.c_void_p(pages(_DATA, _PRIVATE)), PAGE))


@attempt("mlockall", absent=[errno.ENOMEM, errno.EPERM])
def lock_all_memory(scene: Scene) -> None:
    """Have all memory that will come never be swapped."""
    call("mlockall", 2)


@attempt("mincore")
def look_what_is_resident(scene: Scene) -> None:
    """Learn what others read, by what is in memory."""
    call("mincore", pages(_DATA, _PRIVATE), PAGE, ctypes.create_string_buffer(1))


@attempt("msync")
def write_back(scene: Scene) -> None:
    """Have mapped files be written."""
    call("msync", pages(_DATA, _PRIVATE), PAGE, 4)


@attempt("mseal", absent=[errno.ENOSYS])
def seal_memory(scene: Scene) -> None:
    """Make memory that cannot be given back."""
    call("mseal", pages(_DATA, _PRIVATE), PAGE, 0)


@attempt("mbind", absent=[errno.ENOSYS])
def bind_memory(scene: Scene) -> None:
    """Choose the bank on which memory lies, next to another's."""
    call("mbind", pages(_DATA, _PRIVATE), PAGE, 0, None, 0, 0)


@attempt("userfaultfd", absent=[errno.ENOSYS, errno.EPERM])
def stop_the_kernel_at_a_page(scene: Scene) -> None:
    """Hold the kernel up in the middle of a copy, which makes races easy to win."""
    call("userfaultfd", 1)


@attempt("shmget", absent=[errno.ENOSYS])
def old_shared_memory(scene: Scene) -> None:
    """Make shared memory of System V."""
    segment = call("shmget", 0, PAGE, _IPC_CREATE)
    call("shmctl", segment, 0, None)


@attempt("msgget", absent=[errno.ENOSYS])
def old_message_queue(scene: Scene) -> None:
    """Make a message queue of System V, which stays when all have gone."""
    call("msgctl", call("msgget", 0, _IPC_CREATE), 0, None)


@attempt("semget", absent=[errno.ENOSYS])
def old_semaphores(scene: Scene) -> None:
    """Make semaphores of System V."""
    call("semctl", call("semget", 0, 1, _IPC_CREATE), 0, 0, 0)


@attempt("mq_open", absent=[errno.ENOSYS])
def message_queue(scene: Scene) -> None:
    """Make a message queue of POSIX."""
    name = b"llmspell-attack-%d" % os.getpid()
    try:
        call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, None)
    finally:
        # Landlock refuses to open what was made already: it would stay
        with suppress(OSError):
            call("mq_unlink", name)


@attempt(None)
def use_more_memory_than_allowed(scene: Scene) -> None:
    """Take 1 GiB where 64 MiB are allowed."""
    mmap.mmap(-1, 1 << 30, flags=_PRIVATE, prot=_DATA)
