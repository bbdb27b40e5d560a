# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts with the descriptors that a worker has: /dev/null twice, a pipe, its socket."""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import os
import socket
import struct
from contextlib import suppress

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import SOCKET, call, vector, words

FRAME = struct.pack("!IBBIIc", 1, 68, 0, 0, 0, b"x")
"""A log message of the worker protocol: what a host can receive without harm."""

_HIGHEST = 4096
_FIONREAD, _FIOASYNC, _TIOCSTI = 0x541B, 0x5452, 0x5412


def _message(control: bytes = b"") -> tuple[ctypes.Array[ctypes.c_long], list[object]]:
    """Make a `msghdr` with `FRAME` in it, and what must be kept for it."""
    body = ctypes.create_string_buffer(FRAME, len(FRAME))
    parts = vector(body)
    ancillary = ctypes.create_string_buffer(control, len(control)) if control else None
    address = ctypes.addressof(ancillary) if ancillary is not None else 0
    header = words(0, 0, ctypes.addressof(parts), 1, address, len(control), 0)
    return header, [body, parts, ancillary]


@attempt(None)
def find_inherited_descriptors(scene: Scene) -> None:
    """Find a descriptor that the host forgot to close."""
    for fd in range(SOCKET + 1, _HIGHEST):
        for use in (lambda fd: os.read(fd, 0), lambda fd: os.write(fd, b"")):
            try:
                use(fd)
            except OSError as error:
                if error.errno != errno.EBADF:
                    return
            else:
                return
    raise PermissionError(errno.EPERM, "nothing is open")


@attempt("sendmsg")
def send_a_descriptor(scene: Scene) -> None:
    """Give a descriptor to the host, whose table of them is bounded (SCM_RIGHTS)."""
    rights = array.array("i", [0]).tobytes()
    control = struct.pack("@Nii", 16 + len(rights), socket.SOL_SOCKET, socket.SCM_RIGHTS)
    header, kept = _message((control + rights).ljust(24, b"\0"))
    call("sendmsg", SOCKET, header, 0)
    del kept


@attempt("sendmmsg")
def send_many_messages(scene: Scene) -> None:
    """Send by the call that filters forget."""
    header, kept = _message()
    call("sendmmsg", SOCKET, words(*header, 0), 1, 0)
    del kept


@attempt("sendto")
def send(scene: Scene) -> None:
    """Send by the call that can name an address."""
    call("sendto", SOCKET, FRAME, len(FRAME), 0, None, 0)


@attempt("recvmsg")
def receive_a_descriptor(scene: Scene) -> None:
    """Receive a descriptor that the host was talked into sending."""
    header, kept = _message(bytes(24))
    with suppress(BlockingIOError):  # nothing is there yet: the call was made
        call("recvmsg", SOCKET, header, socket.MSG_DONTWAIT | socket.MSG_PEEK)
    del kept


@attempt("recvmmsg")
def receive_many_messages(scene: Scene) -> None:
    """Receive by the call that filters forget."""
    header, kept = _message(bytes(24))
    flags = socket.MSG_DONTWAIT | socket.MSG_PEEK
    with suppress(BlockingIOError):
        call("recvmmsg", SOCKET, words(*header, 0), 1, flags, None)
    del kept


@attempt("recvfrom")
def receive(scene: Scene) -> None:
    """Look at what the host sends without taking it."""
    flags = socket.MSG_DONTWAIT | socket.MSG_PEEK
    with suppress(BlockingIOError):
        call("recvfrom", SOCKET, ctypes.create_string_buffer(1), 1, flags, None, None)


@attempt("getsockopt")
def ask_who_the_host_is(scene: Scene) -> None:
    """Ask the socket for the host's process and user."""
    size = (ctypes.c_int * 1)(12)
    call("getsockopt", SOCKET, socket.SOL_SOCKET, socket.SO_PEERCRED, words(0, 0), size)


@attempt("setsockopt")
def widen_the_socket(scene: Scene) -> None:
    """Have the kernel buffer as much as it can."""
    size = (1 << 20).to_bytes(4, "little")
    call("setsockopt", SOCKET, socket.SOL_SOCKET, socket.SO_SNDBUF, size, 4)


@attempt("getpeername")
def ask_for_the_hosts_address(scene: Scene) -> None:
    """Ask the socket what it is connected to."""
    size = (ctypes.c_int * 1)(110)
    call("getpeername", SOCKET, ctypes.create_string_buffer(110), size)


@attempt("bind")
def bind_the_socket(scene: Scene) -> None:
    """Give the inherited socket a name by which others find it."""
    address = struct.pack("@H", socket.AF_UNIX) + b"\0llmspell-attack-%d" % os.getpid()
    call("bind", SOCKET, address, len(address))


@attempt("connect", futile="it is connected already")
def connect_the_socket(scene: Scene) -> None:
    """Connect the inherited socket to somebody else."""
    address = struct.pack("@H", socket.AF_UNIX) + os.fsencode(scene.stream) + b"\0"
    call("connect", SOCKET, address, len(address))


@attempt("listen", futile="it is connected already")
def listen_on_the_socket(scene: Scene) -> None:
    """Wait for others on the inherited socket."""
    call("listen", SOCKET, 1)


@attempt("accept4", futile="it is connected already")
def accept_on_the_socket(scene: Scene) -> None:
    """Take a connection on the inherited socket."""
    call("accept4", SOCKET, None, None, socket.SOCK_NONBLOCK)


@attempt("shutdown")
def shut_the_socket(scene: Scene) -> None:
    """Close one direction of the socket, so that the host waits for nobody."""
    call("shutdown", SOCKET, socket.SHUT_RD)


@attempt("fcntl")
def signal_by_descriptor(scene: Scene) -> None:
    """Have the kernel signal another process when something arrives."""
    call("fcntl", SOCKET, fcntl.F_SETOWN, scene.victim)
    call("fcntl", SOCKET, 10, 9)  # F_SETSIG, SIGKILL


@attempt("fcntl")
def unblock_the_socket(scene: Scene) -> None:
    """Change how the socket behaves for whoever shares it."""
    call("fcntl", SOCKET, fcntl.F_SETFL, os.O_NONBLOCK)
    call("fcntl", SOCKET, fcntl.F_SETFL, 0)


@attempt("fcntl")
def flood_with_descriptors(scene: Scene) -> None:
    """Use up the machine's table of open files."""
    for fd in [call("fcntl", 0, fcntl.F_DUPFD, 10) for _ in range(256)]:
        os.close(fd)


@attempt("fcntl")
def hold_the_pipe(scene: Scene) -> None:
    """Grow the pipe that is stderr to what the kernel allows."""
    call("fcntl", 2, 1031, 1 << 17)  # F_SETPIPE_SZ


@attempt("dup")
def duplicate(scene: Scene) -> None:
    """Have a second descriptor of the socket."""
    call("dup", SOCKET)


@attempt("dup3")
def replace_a_descriptor(scene: Scene) -> None:
    """Put the socket in the place of stderr."""
    call("dup3", SOCKET, 1, 0)


@attempt("close")
def close_a_descriptor(scene: Scene) -> None:
    """Make room for another file at a number that is trusted."""
    call("close", 0)


@attempt("ioctl")
def control_the_socket(scene: Scene) -> None:
    """Ask the socket's driver for something."""
    call("ioctl", SOCKET, _FIONREAD, words(0))


@attempt("ioctl")
def signals_from_the_socket(scene: Scene) -> None:
    """Have the socket send signals."""
    call("ioctl", SOCKET, _FIOASYNC, words(0))


@attempt("ioctl", futile="there is no terminal")
def type_in_the_terminal(scene: Scene) -> None:
    """Type a command into the terminal that the host was started from."""
    call("ioctl", 0, _TIOCSTI, b"x")


@attempt("vmsplice")
def splice_memory(scene: Scene) -> None:
    """Give pages of memory to a pipe."""
    buffer = ctypes.create_string_buffer(b"x", 1)
    call("vmsplice", 2, vector(buffer), 1, 0)


@attempt("tee", absent=[errno.EINVAL])
def tee(scene: Scene) -> None:
    """Double a pipe's pages."""
    source = target = 2
    with suppress(PermissionError):
        source, writing = os.pipe()
        os.write(writing, b"x")
        target = os.pipe()[1]
    call("tee", source, target, 1, 0)


@attempt("pipe2")
def make_a_pipe(scene: Scene) -> None:
    """Make a pipe."""
    os.pipe()


@attempt("writev")
def write_a_vector(scene: Scene) -> None:
    """Write by another call than the one that is allowed."""
    buffer = ctypes.create_string_buffer(b"x", 1)
    call("writev", 2, vector(buffer), 1)


@attempt("preadv")
def read_a_vector(scene: Scene) -> None:
    """Read by another call than the one that is allowed."""
    buffer = ctypes.create_string_buffer(1)
    call("preadv", 0, vector(buffer), 1, 0, 0)


@attempt("flock")
def lock_a_file(scene: Scene) -> None:
    """Lock a file, so that others wait."""
    call("flock", 0, fcntl.LOCK_SH | fcntl.LOCK_NB)


@attempt("fchmod")
def change_mode_of_a_descriptor(scene: Scene) -> None:
    """Change the rights of what is open."""
    call("fchmod", 2, 0o666)


@attempt("ftruncate", futile="a pipe has no length")
def truncate_a_descriptor(scene: Scene) -> None:
    """Change the length of what is open."""
    call("ftruncate", 2, 0)
