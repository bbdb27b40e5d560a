"""Which system calls a locked worker may make, in words; `seccomp` turns it into a filter.

All that is not named here fails with EPERM, which no engine minds. There is no way to open,
connect, send a descriptor, start a thread or process, or reach another one.
"""

from __future__ import annotations

ALLOWED = (
    # most frequent first: the filter is read from the top
    "futex", "read", "write", "munmap", "madvise", "brk", "mremap",
    # the clock, where the vDSO cannot answer
    "clock_gettime", "clock_getres", "clock_nanosleep", "gettimeofday", "time", "nanosleep",
    "sched_yield", "getrandom", "getpid", "gettid", "pread64",
    "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group",
)  # fmt: skip
"""Allowed with any arguments. Only descriptors 0 to 3 exist: /dev/null twice, the pipe that is
stderr, the socket to the host."""

MEMORY = ("mprotect", "mmap")
"""Allowed for private memory that cannot be executed. V8's code range is mapped before the lock;
shared memory would escape RLIMIT_DATA."""

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
