"""Which system calls a locked worker may make, in words; `seccomp` turns it into a filter.

All that is not named here fails with EPERM, which no engine minds. There is no way to open,
connect, send a descriptor, start a thread or process, or reach another one.
"""

from __future__ import annotations

ALLOWED = (
    # most frequent first: the filter is read from the top
    "read", "write", "munmap", "brk", "mremap",
    # the clock, where the vDSO cannot answer
    "clock_gettime", "clock_getres", "clock_nanosleep", "gettimeofday", "time", "nanosleep",
    "sched_yield", "getrandom", "getpid", "gettid", "pread64",
    "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group",
)  # fmt: skip
"""Allowed with any arguments. Only descriptors 0 to 3 exist: /dev/null twice, the pipe that is
stderr, the socket to the host."""

_WORD = 0xFFFFFFFF
_EXECUTABLE = 0x4  # PROT_EXEC
# MAP_PRIVATE, _DROPPABLE, _FIXED, _ANONYMOUS, _NORESERVE, _STACK, _FIXED_NOREPLACE
_PRIVATE = 0x2 | 0x8 | 0x10 | 0x20 | 0x4000 | 0x20000 | 0x100000
_FUTEX_FLAGS = 0x180  # FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME

CHECKED = {
    # FUTEX_WAIT, _WAKE, _REQUEUE, _CMP_REQUEUE, _WAKE_OP, _WAIT_BITSET, _WAKE_BITSET
    "futex": ((1, _WORD ^ _FUTEX_FLAGS, (0, 1, 3, 4, 5, 9, 10)),),
    # a look at whether the host has said something, without waiting: MSG_DONTWAIT and nothing else
    "recvfrom": ((3, _WORD, (0x40,)),),
    "mprotect": ((2, _EXECUTABLE, (0,)),),
    "mmap": ((2, _EXECUTABLE, (0,)), (3, _WORD ^ _PRIVATE, (0,))),
    # MADV_NORMAL to _DONTNEED, _FREE, _DONTFORK, _DOFORK, _HUGEPAGE, _NOHUGEPAGE, _DONTDUMP, _DODUMP
    "madvise": ((2, _WORD, (4, 8, 0, 1, 2, 3, 10, 11, 14, 15, 16, 17)),),
}
"""Allowed where each of these holds: of an argument's bits under a mask, one of some values is
left. Memory is private, never executable (V8's code range is mapped before the lock), not of the
machine's huge pages and not merged with others': all of it must count against RLIMIT_DATA. Locks
with priorities are a part of the kernel that no engine needs."""

DEADLY = (
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev",
    "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "unshare", "setns",
    "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "bpf",
    "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "memfd_create", "vmsplice", "add_key", "request_key", "keyctl", "init_module", "finit_module",
    "delete_module", "kexec_load", "reboot", "swapon", "socket", "socketpair", "connect", "bind",
    "sendto", "sendmsg",
)  # fmt: skip
"""No engine ever makes these: whoever does has taken it over, and the process ends (SIGSYS)."""
