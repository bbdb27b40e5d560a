"""The filter, decoded and run instruction by instruction, for both machines."""

from __future__ import annotations

import errno
import mmap
import os
import socket
from collections import Counter

import bpf
import pytest
from layers import HELD_BY_LOCK, ROWS
from numbers_oracle import ORACLES
from seccompy import syscalls as seccompy

from llmspell_engines.worker.lock import policy, seccomp
from llmspell_engines.worker.lock.syscalls import AARCH64, X86_64
from llmspell_testkit.hostile.attack import ATTEMPTS
from llmspell_testkit.hostile.attack.numbers import NUMBERS

NAMED = (*policy.ALLOWED, *policy.CHECKED, *policy.DEADLY)
MACHINES = tuple(seccomp.MACHINES)
CODE = {machine: seccomp.assemble(seccomp.program(machine)) for machine in MACHINES}
ALLOW, EPERM, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
X32 = 0x40000000
READ, WRITE, EXECUTE = mmap.PROT_READ, mmap.PROT_WRITE, mmap.PROT_EXEC
BY_NUMBER = [name for name in HELD_BY_LOCK if ATTEMPTS[name].call not in policy.CHECKED]
EVERY_ARCH = {
    "x86": 0x40000003, "x86_64": 0xC000003E, "arm": 0x40000028, "aarch64": 0xC00000B7,
    "riscv64": 0xC00000F3, "none": 0,
}  # fmt: skip

both = pytest.mark.parametrize("machine", MACHINES)


def judge(machine: str, number: int, *arguments: int) -> int:
    """Say what the filter of a machine does with a call of that machine."""
    return bpf.verdict(CODE[machine], EVERY_ARCH[machine], number, *arguments)


def by_name(name: str | None) -> int:
    """Say what the policy wants, but for the calls whose arguments matter."""
    return ALLOW if name in policy.ALLOWED else KILL if name in policy.DEADLY else EPERM


@both
def test_the_kernel_can_take_it(machine: str) -> None:
    """No jump leaves the filter, nothing is loaded that is not there, and it ends in a return."""
    assert not bpf.flaws(CODE[machine])
    assert bpf.decode(CODE[machine]) == seccomp.program(machine)


@both
def test_every_number_is_judged_as_the_policy_says(machine: str) -> None:
    """For each call up to 600 the verdict is that of its name; unknown numbers fail."""
    table = seccompy.X86_64_SYSCALLS if machine == "x86_64" else seccompy.AARCH64_SYSCALLS
    # some numbers have two names: what counts is whether the policy says one of them
    names = {table[name]: name for name in NAMED if name in table}
    assert len(names) > 60
    for number in range(601):
        name = names.get(number)
        if name not in policy.CHECKED:
            assert judge(machine, number) == by_name(name), (number, name)


@both
def test_other_numberings_end_the_process(machine: str) -> None:
    """The x32 interface, negative numbers, and every other machine's interface: SIGSYS."""
    assert {judge(machine, X32 | number) for number in range(1000)} == {KILL}
    assert judge(machine, -1) == KILL
    for other, arch in EVERY_ARCH.items():
        if other != machine:
            for number in range(601):
                assert bpf.verdict(CODE[machine], arch, number) == KILL


@both
def test_memory_is_never_executable(machine: str) -> None:
    """Neither a mapping nor a change of one can ask for PROT_EXEC, whatever else it asks for."""
    numbers = seccomp.MACHINES[machine][1]
    junk = 0x8BADF00D << 32
    for protection in range(16):
        for high in (0, junk):
            for name in ("mmap", "mprotect"):
                found = judge(machine, numbers[name], 0, 4096, protection | high, mmap.MAP_PRIVATE)
                assert found == (EPERM if protection & EXECUTE else ALLOW), (name, protection)


@both
@pytest.mark.parametrize("flags", [1, 3, 1 | mmap.MAP_ANONYMOUS, 3 | mmap.MAP_ANONYMOUS])
def test_memory_is_never_shared(machine: str, flags: int) -> None:
    """MAP_SHARED and MAP_SHARED_VALIDATE fail: no limit would count what they map."""
    number = seccomp.MACHINES[machine][1]["mmap"]
    assert judge(machine, number, 0, 4096, READ | WRITE, flags) == EPERM
    assert judge(machine, number, 0, 4096, READ | WRITE, flags & ~1 | 2) == ALLOW


@both
def test_memory_is_of_the_plain_kind(machine: str) -> None:
    """Of the flags of a mapping only those are taken that make plain private memory."""
    number = seccomp.MACHINES[machine][1]["mmap"]
    plain = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    taken = [
        bit for bit in range(32) if judge(machine, number, 0, 1, READ, plain | 1 << bit) == ALLOW
    ]
    # PRIVATE, DROPPABLE, FIXED, ANONYMOUS, NORESERVE, STACK, FIXED_NOREPLACE
    assert taken == [1, 3, 4, 5, 14, 17, 20]


@both
@pytest.mark.parametrize(
    ("name", "argument", "taken"),
    [
        ("futex", 1, {0, 1, 3, 4, 5, 9, 10}),
        ("madvise", 2, {0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17}),
        ("recvfrom", 3, {socket.MSG_DONTWAIT}),
    ],
)
def test_operations_are_those_that_engines_use(
    machine: str, name: str, argument: int, taken: set[int]
) -> None:
    """Of a call with many operations, all others fail: merged or poisoned pages, priorities, peeks."""
    number = seccomp.MACHINES[machine][1][name]
    found = {op for op in range(512) if judge(machine, number, *[0] * argument, op) == ALLOW}
    flagged = {op | flags for op in taken for flags in (0x80, 0x100, 0x180)}
    assert found == (taken | flagged if name == "futex" else taken)
    assert judge(machine, number, *[0] * argument, -1 & 0xFFFFFFFF) == EPERM


@both
def test_no_rule_is_lost(machine: str) -> None:
    """Each name of the policy that a machine has is in its filter, and in one list alone."""
    table = seccompy.X86_64_SYSCALLS if machine == "x86_64" else seccompy.AARCH64_SYSCALLS
    named = Counter(NAMED)
    assert set(named.values()) == {1}
    own = seccomp.MACHINES[machine][1]
    assert {name for name in named if name in table} == {name for name in named if name in own}
    # and no such name is a slip: each exists on x86-64
    assert set(named) <= set(seccompy.X86_64_SYSCALLS)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("ours", [{"x86_64": X86_64, "aarch64": AARCH64}, NUMBERS])
def test_numbers_are_the_kernels(oracle: str, ours: dict[str, dict[str, int]]) -> None:
    """Each number that the filter and the attempts use is that of the kernel's own tables."""
    for machine, table in ours.items():
        theirs = ORACLES[oracle](machine)
        assert {name: theirs.get(name) for name in table} == table


def test_machines_are_the_kernels() -> None:
    """The machines' own numbers, by which a filter tells whose call it sees, are right."""
    assert seccomp.MACHINES["x86_64"][0] == seccompy.AUDIT_ARCH_X86_64
    assert seccomp.MACHINES["aarch64"][0] == seccompy.AUDIT_ARCH_AARCH64
    assert seccomp.MACHINES["x86_64"][2] == seccompy.X86_64_SYSCALLS["seccomp"]
    assert seccomp.MACHINES["aarch64"][2] == seccompy.AARCH64_SYSCALLS["seccomp"]


@pytest.mark.parametrize("name", BY_NUMBER)
def test_attempts_fail_by_the_filter_and_not_by_luck(name: str) -> None:
    """The call that an attempt needs is refused by number, whoever makes it and with what rights."""
    call = ATTEMPTS[name].call or ""
    wanted = {"EPERM": EPERM, "SIGSYS": KILL}[ROWS[name].seccomp]
    machine = os.uname().machine
    if call in ("x32", "int 0x80", "unknown"):
        judged = {
            "x32": judge(machine, X32 | 39),
            "int 0x80": bpf.verdict(CODE[machine], EVERY_ARCH["x86"], 20),
            "unknown": judge(machine, 900),
        }[call]
    else:
        judged = judge(machine, ORACLES["seccompy"](machine)[call])
    assert judged == wanted
