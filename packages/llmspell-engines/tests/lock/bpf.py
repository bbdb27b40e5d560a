"""Classic BPF as the kernel's seccomp runs it, and the checks that the kernel makes before it does.

Sources: kernel/seccomp.c (seccomp_check_filter), net/core/filter.c (bpf_check_classic).
"""

from __future__ import annotations

from functools import cache
from struct import iter_unpack, pack, unpack_from

LOAD, AND, JUMP, EQUAL, GREATER, AT_LEAST, ANY_BIT, RETURN = (
    0x20, 0x54, 0x05, 0x15, 0x25, 0x35, 0x45, 0x06,
)  # fmt: skip
_TESTS = {
    EQUAL: lambda word, value: word == value,
    GREATER: lambda word, value: word > value,
    AT_LEAST: lambda word, value: word >= value,
    ANY_BIT: lambda word, value: bool(word & value),
}
_DATA_BYTES = 64
_LONGEST = 4096


@cache
def decode(code: bytes) -> list[tuple[int, int, int, int]]:
    """Read instructions as the kernel does."""
    return [(op, yes, no, value) for op, yes, no, value in iter_unpack("<HBBI", code)]


def flaws(code: bytes) -> list[str]:
    """Say why the kernel would refuse a program."""
    program = decode(code)
    found = [] if 0 < len(program) <= _LONGEST else [f"{len(program)} instructions"]
    for at, (op, yes, no, value) in enumerate(program):
        beyond = [value] if op == JUMP else [yes, no] if op in _TESTS else []
        if any(at + 1 + steps >= len(program) for steps in beyond):
            found.append(f"{at}: a jump out of the program")
        if op == LOAD and (value % 4 or value >= _DATA_BYTES):
            found.append(f"{at}: loads what is not there")
        if op not in (LOAD, AND, JUMP, RETURN, *_TESTS):
            found.append(f"{at}: an unknown instruction {op:#x}")
    if program[-1][0] != RETURN:
        found.append("it does not end in a return")
    return found


def verdict(code: bytes, arch: int, number: int, *arguments: int) -> int:
    """Run a program over one system call; return what it returns."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0x7F0000000000, *padded)
    word = at = 0
    program = decode(code)
    while True:
        op, yes, no, value = program[at]
        at += 1
        if op == RETURN:
            return value
        if op == LOAD:
            (word,) = unpack_from("<I", data, value)
        elif op == AND:
            word &= value
        elif op == JUMP:
            at += value
        else:
            at += yes if _TESTS[op](word, value) else no
