"""Tables of system call numbers that others made: `seccompy`, and the C library's headers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from seccompy.syscalls import AARCH64_SYSCALLS, X86_64_SYSCALLS

if TYPE_CHECKING:
    from collections.abc import Callable

# where Debian, and others, keep them; asm-generic is what aarch64 uses
_HEADERS = {
    "x86_64": [
        "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "/usr/include/asm/unistd_64.h",
    ],
    "aarch64": ["/usr/include/asm-generic/unistd.h"],
}
_DEFINED = re.compile(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", re.MULTILINE)
# what asm-generic calls by other names on a 64-bit machine
_RENAMED = {"fstatat": "newfstatat"}


def _from_seccompy(machine: str) -> dict[str, int]:
    return {"x86_64": X86_64_SYSCALLS, "aarch64": AARCH64_SYSCALLS}[machine]


def _header(machine: str) -> Path | None:
    return next((path for path in map(Path, _HEADERS[machine]) if path.is_file()), None)


def _from_headers(machine: str) -> dict[str, int]:
    header = _header(machine)
    assert header is not None
    found = {name: int(number) for name, number in _DEFINED.findall(header.read_text("utf-8"))}
    found |= {new: found[old] for old, new in _RENAMED.items() if old in found}
    # what the installed headers are too old for, `seccompy` says alone
    newer = {n: v for n, v in _from_seccompy(machine).items() if v > max(found.values())}
    return newer | found


ORACLES: dict[str, Callable[[str], dict[str, int]]] = {"seccompy": _from_seccompy}
if all(_header(machine) for machine in _HEADERS):
    ORACLES["headers"] = _from_headers
