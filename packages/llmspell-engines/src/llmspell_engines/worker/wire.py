"""What host and zygote say to each other: one request, one answer."""

from __future__ import annotations

from struct import Struct

REQUEST = Struct("!Iq")
"""Its number, the worker's memory in bytes; with two descriptors: its socket, its stderr's pipe."""
UNLIMITED = -1
ANSWER = Struct("!Iii")
"""The request's number, pid, errno: one of these is 0.

The worker itself sends its pid: a zygote that is killed between the fork and its answer would
leave the host a child that it does not know of, and never reaps.
"""
