"""A guest whose preload leaves a thread behind, which must never be forked."""

from __future__ import annotations

import threading

from fake_guest import FakeGuest

__all__ = ["FakeGuest", "preload"]


def preload() -> None:
    """Leave a thread that never ends."""
    threading.Thread(target=threading.Event().wait, daemon=True).start()
