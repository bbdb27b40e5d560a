"""The contract of bridges: what it checks, and where it is checked."""

from __future__ import annotations
