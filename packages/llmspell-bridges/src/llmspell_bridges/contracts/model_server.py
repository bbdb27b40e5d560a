"""A provider for the contract tests: `FakeProvider` for conversations, and the rest by hand.

It stands in front of that one, in a thread of its own, so that a test can make it fail or wait, and
see that nobody waits any more.
"""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmspell_bridges.contracts.serving import ContractHandler, ContractServer, served

if TYPE_CHECKING:
    from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
ANSWERS: dict[str, Any] = {
    "images/generations": {"created": 1, "data": [{"b64_json": b64encode(_PNG).decode()}]},
    "audio/transcriptions": {"text": "Hello there"},
    "moderations": {
        "id": "modr-1",
        "model": "omni-moderation-latest",
        "results": [
            {
                "flagged": True,
                "categories": {"violence": True, "hate": False},
                "category_scores": {"violence": 0.9, "hate": 0.1},
                "category_applied_input_types": {},
            }
        ],
    },
    "rerank": {
        "id": "r-1",
        "results": [{"index": 0, "relevance_score": 0.9}],
        "meta": {"billed_units": {"search_units": 1}},
    },
}
"""What `FakeProvider` does not have, by the end of the path."""


class ModelServer(ContractServer):
    """`failing` is a status that each request gets, 0 hangs up; `held` lets each one wait."""

    def __init__(self, behind: str) -> None:
        """Listen on a free port of the loopback address, in front of `behind`."""
        super().__init__(_Handler)
        self.behind = urlsplit(behind)
        self.failing: int | None = None

    @contextmanager
    def fails(self, status: int) -> Iterator[None]:
        """Refuse each request with a status; 0 hangs up."""
        self.failing = status
        try:
            yield
        finally:
            self.failing = None


class _Handler(ContractHandler):
    server: ModelServer

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server looks for
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.failing == 0:
            self.close_connection = True
        elif self.server.failing is not None:
            error = {"error": {"message": "no", "type": "invalid_request_error", "code": None}}
            self.send(self.server.failing, "application/json", json.dumps(error).encode())
        elif self.server.held:
            self.wait()
        elif self.path.endswith("audio/speech"):
            self.send(200, "audio/mpeg", b"ID3 a sound")
        else:
            known = next((ANSWERS[end] for end in ANSWERS if self.path.endswith(end)), None)
            if known is None:
                self._forward(body)
            else:
                self.send(200, "application/json", json.dumps(known).encode())

    def _forward(self, body: bytes) -> None:
        behind = HTTPConnection(self.server.behind.hostname or "", self.server.behind.port)
        try:
            headers = {"Content-Type": "application/json", "Authorization": "Bearer k"}
            behind.request("POST", self.path, body, headers)
            answer = behind.getresponse()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get_content_type())
            self.send_header("Connection", "close")
            self.end_headers()
            while piece := answer.read1(65536):
                self.wfile.write(piece)
        except ConnectionError:
            pass  # who asked has left
        finally:
            behind.close()
            self.close_connection = True


@contextmanager
def model_server(behind: str) -> Iterator[ModelServer]:
    """Run the server in front of the one at `behind`."""
    with served(ModelServer(behind)) as server:
        yield server
