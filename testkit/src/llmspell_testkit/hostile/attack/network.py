# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
"""Attempts on the network: sockets of every family, and what the inherited one can be made to do."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from errno import (
    EACCES,
    EADDRNOTAVAIL,
    EAFNOSUPPORT,
    ENOENT,
    ENOPROTOOPT,
    EPERM,
    EPROTONOSUPPORT,
    ESOCKTNOSUPPORT,
)

from llmspell_testkit.hostile.attack.attempt import Scene, attempt

_NO_FAMILY = (EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT)
_FAMILIES = 46
_VSOCK_HOST = 2


@attempt("socket")
def socket_of_any_family(scene: Scene) -> None:
    """Make a socket of any family at all, in turn."""
    refused: OSError | None = None
    for family in range(_FAMILIES):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            try:
                socket.socket(family, kind).close()
            except OSError as error:
                if refused is None or error.errno in (EPERM, EACCES):
                    refused = error
            else:
                return
    assert refused is not None
    raise refused


@attempt("socketpair")
def socket_pair(scene: Scene) -> None:
    """Make two sockets that are connected: a way to pass descriptors around."""
    socket.socketpair()


@attempt("socket")
def unix_stream(scene: Scene) -> None:
    """Talk to a service of the machine, such as the one for containers or secrets."""
    socket.socket(socket.AF_UNIX).connect(scene.stream)


@attempt("socket")
def unix_datagram(scene: Scene) -> None:
    """Write to the machine's log."""
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", scene.datagram)


@attempt("socket")
def unix_abstract(scene: Scene) -> None:
    """Talk to a service that listens outside the file system, such as a desktop's."""
    socket.socket(socket.AF_UNIX).connect("\0" + scene.abstract)


@attempt("socket")
def unix_listen(scene: Scene) -> None:
    """Wait for others at a name outside the file system."""
    server = socket.socket(socket.AF_UNIX)
    server.bind("")
    server.listen()


@attempt("socket")
def unix_listen_at_a_path(scene: Scene) -> None:
    """Wait for others at a name in the file system."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{scene.folder}/new")
    server.listen()


@attempt("socket")
def tcp_connect(scene: Scene) -> None:
    """Connect to a service of the machine, or to anywhere."""
    socket.socket().connect(("127.0.0.1", scene.tcp))


@attempt("socket")
def tcp_connect_while_sending(scene: Scene) -> None:
    """Connect by sending, which is another way into the kernel."""
    socket.socket().sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", scene.tcp))


@attempt("socket", absent=[*_NO_FAMILY, ENOPROTOOPT])
def tcp_connect_by_many_paths(scene: Scene) -> None:
    """Connect by the protocol that Landlock once forgot."""
    multipath = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    multipath.connect(("127.0.0.1", scene.tcp))


@attempt("socket")
def tcp_listen(scene: Scene) -> None:
    """Wait for others at a port."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()


@attempt("socket")
def tcp_listen_anywhere(scene: Scene) -> None:
    """Wait for others at a port that the kernel chooses, without asking for one."""
    socket.socket().listen()


@attempt("socket")
def udp_send(scene: Scene) -> None:
    """Send a datagram: a question to a name server can carry anything."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", scene.udp))


@attempt("socket")
def udp_listen(scene: Scene) -> None:
    """Wait for datagrams."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(("127.0.0.1", 0))


@attempt("socket", absent=[*_NO_FAMILY, EADDRNOTAVAIL])
def ip_version_6(scene: Scene) -> None:
    """Use the other version of the protocol."""
    socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).bind(("::1", 0))


@attempt("socket", absent=[*_NO_FAMILY, EACCES, EPERM])
def ping(scene: Scene) -> None:
    """Send an echo request, which can carry anything."""
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    echo.sendto(struct.pack("!BBHHH", 8, 0, 0, 0, 1), ("127.0.0.1", 0))


@attempt("socket", futile="needs CAP_NET_RAW")
def raw_ip(scene: Scene) -> None:
    """Write packets by hand."""
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


@attempt("socket", futile="needs CAP_NET_RAW")
def raw_frames(scene: Scene) -> None:
    """Listen to all of the machine's traffic."""
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)


@attempt("socket", absent=_NO_FAMILY)
def netlink(scene: Scene) -> None:
    """Ask the kernel for its addresses, routes and neighbours."""
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).bind((0, 0))


@attempt("socket", absent=_NO_FAMILY)
def virtual_machine(scene: Scene) -> None:
    """Talk to the hypervisor, or to another virtual machine."""
    vsock = socket.socket(socket.AF_VSOCK)
    vsock.settimeout(0)
    with suppress(OSError):  # nobody listens: that the socket exists is enough
        vsock.connect((_VSOCK_HOST, 1))


@attempt("socket", absent=[*_NO_FAMILY, ENOENT])
def kernel_crypto(scene: Scene) -> None:
    """Use the kernel's ciphers, which have had many a mistake."""
    socket.socket(38, socket.SOCK_SEQPACKET).bind(("hash", "sha256"))


@attempt("socket", absent=[*_NO_FAMILY, EPERM])
def bluetooth(scene: Scene) -> None:
    """Use the radio."""
    socket.socket(31, socket.SOCK_RAW, 1)


@attempt("socket", absent=[*_NO_FAMILY, EPERM])
def express_data_path(scene: Scene) -> None:
    """Share a ring of packets with a network card."""
    socket.socket(44, socket.SOCK_RAW)


@attempt("socket", absent=[*_NO_FAMILY, EPERM])
def car_bus(scene: Scene) -> None:
    """Use a family that is loaded when it is first asked for."""
    socket.socket(29, socket.SOCK_RAW, 1)
