"""The contract, as the dictionary keeps it: for the tests, and for `llmspell conformance`."""

from __future__ import annotations

import socketserver
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import pytest

from llmspell_core import Permissions
from llmspell_dictionary import Dictionary
from llmspell_testkit import BridgeContract, BridgeWorld, Fault, Slow

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWERS = {
    "spell": '151 "spell" one "The first"\r\na word\r\n..of power\r\n.\r\n'
    '151 "spell" two "The second"\r\na while\r\n.\r\n250 ok\r\n',
    "busy": "420 try again later\r\n",
    "nonsense": "151\r\nlost",
    "silence": "",
}


class Server(socketserver.StreamRequestHandler):
    """Answers one word as RFC 2229 says; of `silence` it says nothing."""

    def handle(self) -> None:
        """Serve one connection, whose other side may leave at any time."""
        with suppress(OSError):
            self.wfile.write(b"220 a dictionary\r\n")
            _, _, word = self.rfile.readline().decode().strip('"\r\n').partition('"')
            self.wfile.write(ANSWERS.get(word, "552 no match\r\n").encode())
            if word == "silence":
                self.rfile.read()


class DictionaryContract(BridgeContract):
    """The contract's checks, against a server on this machine."""

    bridge = Dictionary
    permissions = Permissions(net=("127.0.0.1",))
    faults: ClassVar = {
        "busy": Fault(method="define", args={"word": "busy"}, kind="bad_response"),
        "nonsense": Fault(method="define", args={"word": "nonsense"}, kind="network"),
    }
    slow: ClassVar = {"define": Slow(args={"word": "silence"})}

    @pytest.fixture
    def bridge_world(self) -> Iterator[BridgeWorld]:
        """Run a dictionary server."""
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
            server.daemon_threads = True  # closing it waits for no connection that is left open
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            yield BridgeWorld(settings={"host": "127.0.0.1", "port": server.server_address[1]})
            server.shutdown()
            thread.join()
