"""What host and zygote say to each other: one request, one answer."""

from __future__ import annotations

from struct import Struct

REQUEST = Struct("!q")
"""The worker's memory in bytes; comes with two descriptors: its socket, the pipe for stderr."""
UNLIMITED = -1
ANSWER = Struct("!ii")
"""pid, errno: one of them is 0."""
