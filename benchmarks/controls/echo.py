"""The other end of a socket: send back what comes, as bytes or through MessagePack.

Usage: echo.py FD raw|msgpack. A message is its length in four bytes and that many bytes.
"""

from __future__ import annotations

import socket
import sys

import msgspec


def main() -> None:
    """Serve until the other end hangs up."""
    sock = socket.socket(fileno=int(sys.argv[1]))
    convert = sys.argv[2] == "msgpack"
    stream = sock.makefile("rb")
    while head := stream.read(4):
        data = stream.read(int.from_bytes(head, "big"))
        if convert:
            data = msgspec.msgpack.encode(msgspec.msgpack.decode(data))
        sock.sendall(len(data).to_bytes(4, "big") + data)


main()
