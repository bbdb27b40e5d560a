"""Numbers of the system calls that the filter names, by machine.

Sources: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. A name
without a number does not exist on that machine.
"""

from __future__ import annotations

X86_64 = {
    "read": 0, "write": 1, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
    "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "sched_yield": 24, "mremap": 25,
    "madvise": 28, "nanosleep": 35, "getpid": 39, "socket": 41, "connect": 42, "sendto": 44,
    "recvfrom": 45, "sendmsg": 46, "bind": 49, "socketpair": 53, "fork": 57, "vfork": 58,
    "execve": 59, "exit": 60, "kill": 62, "gettimeofday": 96, "ptrace": 101, "pivot_root": 155,
    "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "init_module": 175, "delete_module": 176, "gettid": 186,
    "tkill": 200, "time": 201, "futex": 202, "restart_syscall": 219, "clock_gettime": 228,
    "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234,
    "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
    "vmsplice": 278, "perf_event_open": 298, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "finit_module": 313, "getrandom": 318, "memfd_create": 319,
    "bpf": 321, "execveat": 322, "userfaultfd": 323, "pidfd_send_signal": 424,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "pidfd_open": 434, "pidfd_getfd": 438,
}  # fmt: skip

AARCH64 = {
    "umount2": 39, "mount": 40, "pivot_root": 41, "read": 63, "write": 64, "pread64": 67,
    "vmsplice": 75, "exit": 93, "exit_group": 94, "unshare": 97, "futex": 98, "nanosleep": 101,
    "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_gettime": 113,
    "clock_getres": 114, "clock_nanosleep": 115, "ptrace": 117, "sched_yield": 124,
    "restart_syscall": 128, "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigprocmask": 135,
    "rt_sigreturn": 139, "reboot": 142, "gettimeofday": 169, "getpid": 172, "gettid": 178,
    "socket": 198, "socketpair": 199, "bind": 200, "connect": 203, "sendto": 206,
    "recvfrom": 207, "sendmsg": 211, "brk": 214, "munmap": 215, "mremap": 216, "add_key": 217,
    "request_key": 218, "keyctl": 219, "execve": 221, "mmap": 222, "swapon": 224, "mprotect": 226, "madvise": 233,
    "perf_event_open": 241, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271,
    "finit_module": 273, "getrandom": 278, "memfd_create": 279, "bpf": 280, "execveat": 281,
    "userfaultfd": 282, "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "pidfd_open": 434, "pidfd_getfd": 438,
}  # fmt: skip
