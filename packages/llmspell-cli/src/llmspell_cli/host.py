"""The runtime and its event loop, as one command uses them."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, TypeVar

from llmspell_cli.interrupt import Interrupted, OutputClosed, cancelling
from llmspell_core.errors import CancelledSpellError
from llmspell_core.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from llmspell_cli.output import Output

T = TypeVar("T")


class Host:
    """An event loop with a `Runtime` in it, which takes what `Runtime` takes.

    It is not `asyncio.run`: that waits at its end for threads, such as one that is importing
    litellm for seconds after Ctrl-C.
    """

    def __init__(self, output: Output, **options: Any) -> None:
        """Make the loop; the runtime starts engines and bridges when they are needed."""
        self.output = output
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._loop_error)
        self.runtime = Runtime(**options)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end; a signal or a broken stdout cancels it.

        Raises:
            Interrupted: a signal came, and `work` has ended.
            OutputClosed: stdout could not be written, and `work` has ended.
            CancelledSpellError: something else cancelled it.
        """
        gc.enable()  # `main` disabled it for the imports
        gc.freeze()
        task = self.loop.create_task(work)

        def cancel() -> None:
            # from a signal handler: wakes the loop up as well
            self.loop.call_soon_threadsafe(task.cancel)

        self.output.on_failure = cancel
        with cancelling(cancel, self.output) as came:
            try:
                return self.loop.run_until_complete(task)
            except asyncio.CancelledError:
                if came:
                    raise Interrupted(came[0]) from None
                if self.output.failed is not None:
                    raise OutputClosed from None
                text = "the run was cancelled"
                raise CancelledSpellError(text) from None
            finally:
                self.output.on_failure = None
                self._end_what_is_left()

    def _end_what_is_left(self) -> None:
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())

    def _loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Show an error that nobody waits for, to those who look for mistakes only."""
        if self.output.debug:
            self.output.note(f"debug: {context.get('message')}")
            if isinstance(error := context.get("exception"), BaseException):
                self.output.python_traceback(error)
