"""`FakeProvider`: a provider of models, and a web server, on this machine; standard library only."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from llmspell_testkit.provider.reply import Replies
from llmspell_testkit.provider.server import Server
from llmspell_testkit.provider.wire import CHATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from llmspell_testkit.provider.http import Page, SeenRequest
    from llmspell_testkit.provider.reply import Reply


class FakeProvider:
    """Answers as it is told, over real HTTP, and remembers what it was asked.

    ::

        with FakeProvider([response("Hello"), failure(429, retry_after_s=1)]) as provider:
            client = OpenAI(base_url=provider.base_url, api_key="sk-fake")

    It serves OpenAI's ``/v1/chat/completions``, ``/v1/embeddings`` and ``/v1/models``, and
    Anthropic's ``/v1/messages`` (with `url` as its base); answers are streamed where that is asked; `pages` are given by path. An answer's `Reply` brings delays, failures,
    connections that break and answers that are none. Leaving the block ends every connection,
    also one that waits, and every thread.
    """

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        default: Reply | None = None,
        pages: Mapping[str, Page] | None = None,
        models: Sequence[str] = ("fake-model",),
    ) -> None:
        """Prepare; `default` answers what `replies` do not, which else is refused with 400."""
        self.models = list(models)
        self.pages: dict[str, Page] = dict(pages or {})
        self.requests: list[SeenRequest] = []
        self._replies = Replies(replies, default)
        self._lock = threading.Lock()
        self._number = 0
        self.closing = threading.Event()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Listen on a free port of the loopback address."""
        self.closing.clear()
        self._server = Server(self)
        # the default looks every 0.5 s whether it shall end
        run = self._server.serve_forever
        self._thread = threading.Thread(target=run, args=(0.01,), name="fake-provider", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all connections and the server."""
        assert self._server is not None
        assert self._thread is not None
        self.closing.set()
        self._server.shutdown()
        self._server.end_connections()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Where it listens: ``127.0.0.1:PORT``, as a permission of ``net`` names it."""
        assert self._server is not None, "enter the provider first: `with FakeProvider() as it:`"
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The address of its pages, without a path."""
        return f"http://{self.address}"

    @property
    def base_url(self) -> str:
        """What a client of OpenAI's protocol is given."""
        return f"{self.url}/v1"

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return self._server.open_connections if self._server else 0

    def end_connections(self) -> None:
        """Break off every connection that is open, as a server does that is restarted."""
        if self._server is not None:
            self._server.end_connections()

    @property
    def bodies(self) -> list[Any]:
        """The parsed bodies of the requests for completions, in order."""
        with self._lock:
            asked = [it for it in self.requests if it.path.partition("?")[0] in CHATS]
            return [request.body for request in asked]

    def add(self, *replies: Reply) -> Self:
        """Script further replies."""
        with self._lock:
            self._replies.left.extend(replies)
        return self

    def reset(
        self, replies: Sequence[Reply] = (), *, pages: Mapping[str, Page] | None = None
    ) -> Self:
        """Forget script, pages and requests, and begin with new ones."""
        with self._lock:
            self._replies = Replies(replies, self._replies.default)
            self.pages = dict(pages or {})
            self.requests = []
            self._number = 0
        return self

    def take(self, request: SeenRequest, *, embedding: bool) -> tuple[int, Reply]:
        """Number a request and take the reply for it."""
        model = request.body.get("model")
        with self._lock:
            self._number += 1
            return self._number, self._replies.take(model, embedding=embedding)

    def saw(self, request: SeenRequest) -> None:
        """Remember a request."""
        with self._lock:
            self.requests.append(request)
