"""Start, feed, watch and end the child process of one model; blocking, for one thread's use."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from llmspell_bridges.local.catalog import PROVIDER, Model
from llmspell_bridges.local.frames import FrameTooLargeError, Order, Report, Unpacker, pack
from llmspell_core.errors import ConfigurationError, ContextWindowError, ProviderError

if TYPE_CHECKING:
    from pathlib import Path

LOAD_TIMEOUT_S = 120.0
SEND_TIMEOUT_S = 10.0
GRACE_S = 0.5
RECEIVE_BYTES = 1 << 16
KEPT_STDERR_BYTES = 2048
# The child holds no secret: it gets what a Python process needs, not the host's environment.
_PASSED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TMPDIR")


class ModelProcess:
    """One running child. Made by `start`, ended by `kill`, useless after `died`."""

    def __init__(self, model: Model, path: Path) -> None:
        """Start the child with the weights at `path` and wait until it has loaded them.

        Raises:
            ConfigurationError: the runtime, or a system library it needs, is missing.
            ProviderError: the child ended, or did not load the model within `LOAD_TIMEOUT_S`.
        """
        self._model = model
        self._unpacker = Unpacker()
        self._stderr = bytearray()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                # -P: a folder named like a library, in the user's folder, is not imported.
                [sys.executable, "-P", "-m", "llmspell_bridges.local.child", str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={key: os.environ[key] for key in _PASSED_VARIABLES if key in os.environ},
                process_group=0,  # Ctrl-C on the terminal is for the host, which cancels
            )
        assert self._process.stderr is not None  # noqa: S101 - stderr=PIPE above
        self._stderr_pipe = self._process.stderr
        self._errors = self._stderr_pipe.fileno()
        self._socket = ours
        self._socket.settimeout(SEND_TIMEOUT_S)
        try:
            self._load(path)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def send(self, order: Order) -> None:
        """Send one order.

        Raises:
            ContextWindowError: it is larger than a frame may be, so larger than any context.
            ProviderError: the child does not take it.
        """
        try:
            self._socket.sendall(pack(order))
        except FrameTooLargeError as error:
            text = f"request to {self._model.id!r} is too large: {error}"
            raise ContextWindowError(text, provider=PROVIDER, model=self._model.id) from error
        except OSError as error:
            raise self.died() from error

    def receive(self, wake: int | None, timeout_s: float | None) -> list[Report]:
        """Wait for reports, until the descriptor `wake` is readable or `timeout_s` have passed.

        Raises:
            ProviderError: the child ended, or wrote what is not a report.
        """
        watched = [self._socket.fileno(), self._errors, *([] if wake is None else [wake])]
        poller = select.poll()
        for descriptor in watched:
            poller.register(descriptor, select.POLLIN)
        ready = dict(poller.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000))
        if self._errors in ready:
            self._stderr += os.read(self._errors, RECEIVE_BYTES)
            del self._stderr[:-KEPT_STDERR_BYTES]
        if self._socket.fileno() not in ready:
            return []
        try:
            data = self._socket.recv(RECEIVE_BYTES)
            if not data:
                raise self.died()
            payloads = self._unpacker.feed(data)
            return [msgspec.msgpack.decode(it, type=Report) for it in payloads]
        except (OSError, FrameTooLargeError, msgspec.DecodeError) as error:
            raise self.died() from error

    def died(self) -> ProviderError:
        """Say how the child ended, having made sure that it did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)  # it closed its socket: let it tell its own exit code
        self.kill()
        code = self._process.returncode
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        said = self._stderr.decode(errors="replace").strip()
        text = (
            f"the process of {self._model.id!r} ended unexpectedly ({how}); "
            "the next request starts a new one"
        )
        return ProviderError(
            f"{text}. It wrote:\n{said}" if said else text,
            provider=PROVIDER,
            model=self._model.id,
            retryable=True,
        )

    def kill(self) -> None:
        """End the child and reap it; does nothing the second time."""
        self._process.kill()
        self._process.wait()
        if not self._stderr_pipe.closed:
            self._stderr += self._stderr_pipe.read()
            del self._stderr[:-KEPT_STDERR_BYTES]
            self._stderr_pipe.close()
        self._socket.close()

    def _load(self, path: Path) -> None:
        """Have the child load the model; wait for its report."""
        model = self._model
        body = {
            "path": str(path),
            "context_tokens": model.context_tokens,
            "embedding": model.purpose == "embeddings",
        }
        self.send(Order(op="load", body=body))
        deadline = time.monotonic() + LOAD_TIMEOUT_S
        while (left := deadline - time.monotonic()) > 0:
            for report in self.receive(None, left):
                if report.kind == "ready":
                    return
                raise self._cannot_load(path, report.body)
        text = f"{model.id!r} was not loaded within {LOAD_TIMEOUT_S:.0f} s; is the machine busy?"
        raise ProviderError(text, provider=PROVIDER, model=model.id, retryable=True)

    def _cannot_load(self, path: Path, body: dict[str, str]) -> ConfigurationError | ProviderError:
        """Say what is missing and how to get it."""
        model, reason = self._model, body["message"]
        if "libgomp" in reason:
            text = (
                f"{model.id!r} needs the system library libgomp.so.1; install it, for example "
                f"`apt-get install libgomp1` or `dnf install libgomp` ({reason})"
            )
            return ConfigurationError(text)
        if body["type"] in {"ImportError", "ModuleNotFoundError"}:
            text = (
                f"{model.id!r} needs the package xllamacpp; run "
                f"`{sys.executable} -m pip install 'llmspell-bridges[local]'` ({reason})"
            )
            return ConfigurationError(text)
        text = (
            f"{path} cannot be loaded as {model.id!r}: {reason}; "
            f"run `llmspell models pull {model.name}` to check the file"
        )
        return ProviderError(text, provider=PROVIDER, model=model.id)
