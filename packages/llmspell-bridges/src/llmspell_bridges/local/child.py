"""The child process of one local model: ``python -m llmspell_bridges.local.child``.

A native abort of the runtime ends this process, not the host. Standard input is one end of a
socket pair and carries frames both ways. The child dies with the host: by the death signal on
Linux, by the end of its input anywhere.
"""

from __future__ import annotations

import ctypes
import os
import queue
import resource
import secrets
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.local.frames import Order, Report, Unpacker, pack

if TYPE_CHECKING:
    from collections.abc import Mapping

PR_SET_PDEATHSIG = 1
RECEIVE_BYTES = 1 << 16
# The callback that can cancel runs once a batch while a prompt is read: at 80 tokens a second
# a batch of 64 is looked at every 0.8 s.
CHAT_BATCH_TOKENS = 64
_WHITE_SPACE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Host:
    """The host's end: orders come in on a thread of their own, reports go out from the main one."""

    def __init__(self, sock: socket.socket) -> None:
        """Talk over `sock`."""
        self._sock = sock
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self.cancelled: set[int] = set()

    def listen(self) -> None:
        """Queue the orders as they come; end the process when the host is gone."""
        unpacker = Unpacker()
        while data := self._receive():
            for payload in unpacker.feed(data):
                order = msgspec.msgpack.decode(payload, type=Order)
                if order.op == "cancel":
                    self.cancelled.add(order.id)
                else:
                    self.orders.put(order)
        os._exit(0)  # the main thread may be deep in native code: do not wait for it

    def report(self, kind: Any, order_id: int = 0, **body: Any) -> None:
        """Send one report."""
        self._sock.sendall(pack(Report(kind=kind, id=order_id, body=body)))

    def _receive(self) -> bytes:
        try:
            return self._sock.recv(RECEIVE_BYTES)
        except OSError:
            return b""


def tie_to_host(host_pid: int) -> None:
    """Ask Linux to kill this process when the host's thread that started it ends."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host_pid:  # it died before the line above
        os._exit(0)


def load(body: Mapping[str, Any]) -> Any:
    """Load the model at ``body["path"]``; return the runtime's server.

    Raises:
        ImportError: xllamacpp, or a system library it needs, is missing.
        RuntimeError: the file is not a model.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = body["path"]
    params.n_ctx = body["context_tokens"]
    params.n_parallel = 1  # the context is divided among the slots
    # Two threads on two busy cores were seven times slower than one (3.6 against 26 tokens/s).
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_gpu_layers = 0
    params.fit_params = False
    params.warmup = False
    params.offline = True
    params.verbosity = -1
    params.cache_ram_mib = 0
    params.prefill_assistant = False  # an assistant's last message is history, not a beginning
    params.force_pure_content_parser = True  # we parse tool calls ourselves
    if body["embedding"]:
        params.embedding = True
        params.n_batch = params.n_ubatch = body["context_tokens"]
    else:
        params.n_batch = params.n_ubatch = CHAT_BATCH_TOKENS
    return _without_listener(xllamacpp, params)


def _without_listener(xllamacpp: Any, params: Any) -> Any:
    """Start the runtime so that nobody can reach the HTTP server it insists on opening.

    It would listen on a loopback port, open to every user of the machine: give it a socket file in
    a private folder, a key nobody knows, and remove the file.
    """
    params.ui = False
    params.endpoint_slots = False
    params.n_threads_http = 1
    params.api_keys = [secrets.token_urlsafe(32)]
    with tempfile.TemporaryDirectory(prefix="llmspell-") as folder:
        params.hostnames = [str(Path(folder) / "model.sock")]
        return xllamacpp.Server(params)


def chat(server: Any, order: Order, host: Host) -> None:
    """Answer a chat request chunk by chunk, until it is done or cancelled."""
    body = dict(order.body)
    schema = body.pop("schema", None)
    if schema is not None:
        body["grammar"] = grammar(schema, or_text=body.pop("or_text", False))
    # Streaming, because a callback that returns True cancels, and it is called once a chunk.
    body |= {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
    end: dict[str, Any] = {"finish_reason": "stop", "usage": {}}

    def take(chunk: dict[str, Any]) -> bool:
        if "error" in chunk:
            end["error"] = chunk["error"]
            return True
        for choice in chunk.get("choices", ()):
            if text := choice["delta"].get("content"):
                host.report("chunk", order.id, text=text)
            end["finish_reason"] = choice["finish_reason"] or end["finish_reason"]
        end["usage"] = chunk.get("usage") or end["usage"]
        return order.id in host.cancelled

    server.handle_chat_completions(body, take)
    if "error" in end:
        host.report("error", order.id, **end["error"])
    else:
        host.report("done", order.id, **end)


def grammar(schema: Mapping[str, Any], *, or_text: bool) -> str:
    """Write the grammar of a JSON value, or of that value or free text that begins otherwise.

    The language is LLGuidance's, which xllamacpp is built with and uses for JSON Schema itself.
    White space is fixed: a small model that may indent sometimes does nothing else.
    """
    value = msgspec.json.encode({**schema, "x-guidance": _WHITE_SPACE}).decode()
    if not or_text:
        return f"%llguidance {{}}\nstart: %json {value}\n"
    text = r"/[^{\s](.|\n)*/"
    return f"%llguidance {{}}\nstart: value | text\nvalue: %json {value}\ntext: {text}\n"


def embed(server: Any, order: Order, host: Host) -> None:
    """Embed text by text, so that cancelling waits for one of them only."""
    vectors: list[list[float]] = []
    tokens = 0
    for text in order.body["texts"]:
        if order.id in host.cancelled:
            break
        answer = server.handle_embeddings({"input": [text]})
        if "error" in answer:
            host.report("error", order.id, **answer["error"])
            return
        vectors.append(answer["data"][0]["embedding"])
        tokens += answer["usage"]["prompt_tokens"]
    host.report("done", order.id, vectors=vectors, usage={"prompt_tokens": tokens})


def serve(host: Host) -> None:
    """Load what the first order names, then answer orders one at a time."""
    try:
        server = load(host.orders.get().body)
    except (ImportError, RuntimeError, ValueError) as error:
        host.report("fatal", message=str(error), type=type(error).__name__)
        return
    host.report("ready")
    handlers = {"chat": chat, "embed": embed}
    while True:
        order = host.orders.get()
        try:
            handlers[order.op](server, order, host)
        except ValueError as error:  # the runtime raises for what it cannot parse
            host.report("error", order.id, code=400, message=str(error))
        except RuntimeError as error:
            host.report("error", order.id, code=500, message=str(error))
        host.cancelled.discard(order.id)


def main() -> None:
    """Run the child until the host closes the socket that is its standard input."""
    tie_to_host(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # an abort leaves no 300 MB core behind
    host = Host(socket.socket(fileno=os.dup(0)))
    threading.Thread(target=host.listen, daemon=True).start()
    serve(host)
    # No clean-up of native code: it has threads, and the process ends anyway.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
