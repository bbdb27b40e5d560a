"""A guest whose preload never returns."""

from __future__ import annotations

import time

from fake_guest import FakeGuest

__all__ = ["FakeGuest", "preload"]


def preload() -> None:
    """Hang."""
    while True:
        time.sleep(60)
