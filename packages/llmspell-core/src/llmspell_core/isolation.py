"""How a script is kept apart from the host: what was asked for, and what is in force."""

from __future__ import annotations

from typing import Literal

import msgspec

from llmspell_core.errors import UnsupportedError

Isolation = Literal["locked", "process", "inproc"]


class IsolationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force: ``locked``, ``process`` or ``inproc``; `reason` says why not ``locked``.

    `layers` names the kernel's means that hold a worker, such as ``landlock`` and ``seccomp``.
    """

    level: Isolation
    layers: tuple[str, ...] = ()
    reason: str | None = None


class IsolationWarning(UserWarning):
    """Scripts run without the kernel lock that was asked for."""


def lock_required(reason: str | None) -> UnsupportedError:
    """Make the refusal to run without the lock."""
    why = reason or "no kernel lock"
    text = f"the kernel lock is required, and not to be had here: {why}"
    return UnsupportedError(text, capability="locked")


def without_lock(report: IsolationReport) -> IsolationWarning:
    """Make the warning that scripts run without the whole lock, and how to refuse that."""
    held = f" by {' and '.join(report.layers)} alone" if report.layers else ""
    text = (
        f"scripts are kept in processes of their own{held}, without the whole kernel lock: "
        f"{report.reason}; --require-lock (`require_lock=True`) refuses to run them so, "
        '--isolation=process (`isolation="process"`) accepts it'
    )
    return IsolationWarning(text)


def in_process(report: IsolationReport) -> IsolationWarning:
    """Make the warning that an engine keeps scripts apart from nothing, and how to refuse that."""
    text = (
        f"scripts are kept apart from nothing: {report.reason}; "
        "--require-lock (`require_lock=True`) refuses to run them so, "
        '--isolation=inproc (`isolation="inproc"`) accepts it'
    )
    return IsolationWarning(text)
