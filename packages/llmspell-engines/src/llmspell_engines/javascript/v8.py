"""V8 through mini-racer's C interface: one isolate, one function to call, one bell.

mini-racer's own Python package imports asyncio and awaits every value; a worker needs neither.
So its library is loaded here without its package, and only bytes cross, through memory that the
isolate and Python share (`SharedArrayBuffer`-like, but an ordinary `ArrayBuffer` that stays where
it is). Why: a BigInt, a lone surrogate or an invalid Date makes mini-racer's conversion hang, and
reading an argument of a notification needs a second hop while the isolate is blocked.

The C interface is private to mini-racer: `VERSIONS` says for which releases it was checked.
"""

from __future__ import annotations

import ctypes
import sys
from importlib.machinery import PathFinder
from os import path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

VERSIONS = "mini-racer>=0.14.1,<0.15"

FLAGS = b"--single-threaded"
"""Without it V8 starts threads, and a process with threads cannot be forked safely."""

_BELL, _EVALUATED, _DELIVERED = 1, 2, 3
_UNDEFINED, _STRING, _ARRAY_BUFFER = 11, 5, 102
_ERRORS = range(200, 207)


class _Union(ctypes.Union):
    _fields_ = (("address", ctypes.c_void_p), ("integer", ctypes.c_int64))


class _Value(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("value", _Union), ("length", ctypes.c_size_t), ("type", ctypes.c_uint8))


_Handle = ctypes.POINTER(_Value)
_Callback = ctypes.CFUNCTYPE(None, ctypes.c_uint64, _Handle)

_u64, _size = ctypes.c_uint64, ctypes.c_size_t
_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "mr_init_v8": (None, [ctypes.c_char_p, ctypes.c_char_p]),
    "mr_v8_version": (ctypes.c_char_p, []),
    "mr_init_context": (_u64, [_Callback]),
    "mr_free_context": (None, [_u64]),
    "mr_eval": (_u64, [_u64, _Handle, _u64]),
    "mr_call_function": (_u64, [_u64, _Handle, _Handle, _Handle, _u64]),
    "mr_array_push": (_Handle, [_u64, _Handle, _Handle]),
    "mr_splice_array": (_Handle, [_u64, _Handle, ctypes.c_int32, ctypes.c_int32, _Handle]),
    "mr_get_identity_hash": (_Handle, [_u64, _Handle]),
    "mr_make_js_callback": (_Handle, [_u64, _u64]),
    "mr_alloc_string_val": (_Handle, [_u64, ctypes.c_char_p, _u64, ctypes.c_uint8]),
    "mr_alloc_int_val": (_Handle, [_u64, ctypes.c_int64, ctypes.c_uint8]),
    "mr_free_value": (None, [_u64, _Handle]),
    "mr_set_hard_memory_limit": (None, [_u64, _size]),
    "mr_hard_memory_limit_reached": (ctypes.c_bool, [_u64]),
}

_library: ctypes.CDLL | None = None


class V8Error(Exception):
    """V8 reported a failure outside the script: its text as mini-racer writes it."""


def load() -> ctypes.CDLL:
    """Load the library and initialise V8, once; afterwards the process still has one thread.

    Raises:
        ImportError: mini-racer is not installed.
    """
    global _library  # noqa: PLW0603 - V8 can be initialised once per process
    if _library is None:
        spec = PathFinder.find_spec("py_mini_racer")
        if spec is None or not spec.submodule_search_locations:
            text = f"JavaScript needs {VERSIONS}: pip install 'llmspell-engines[javascript]'"
            raise ImportError(text)
        folder = spec.submodule_search_locations[0]
        name = "libmini_racer.dylib" if sys.platform == "darwin" else "libmini_racer.so"
        library = ctypes.CDLL(path.join(folder, name))
        for function, (result, arguments) in _SIGNATURES.items():
            getattr(library, function).restype = result
            getattr(library, function).argtypes = arguments
        library.mr_init_v8(FLAGS, path.join(folder, "icudtl.dat").encode())
        _library = library
    return _library


def version() -> str:
    """Say which V8 it is, such as ``14.4.258.16``."""
    return bytes(load().mr_v8_version()).decode()


class Isolate:
    """One V8 isolate with its thread, running `source`, which gives the function to call.

    `source` is an expression; its value is a function with a method `push(bell)` that returns an
    ArrayBuffer, and `splice(size, _)` that returns another one (see `prelude/spell.js`).
    `on_bell` is called on V8's thread, with the script stopped, each time the bell is rung.
    """

    def __init__(self, source: str, on_bell: Callable[[], None]) -> None:
        """Make the isolate and run `source`.

        Raises:
            V8Error: `source` failed.
        """
        self._library = load()
        self._on_bell = on_bell
        self._evaluated = _Handle()
        # kept: V8's thread calls it for as long as the isolate lives
        self._callback = _Callback(self._called)
        self._context = self._library.mr_init_context(self._callback)
        self._undefined = self._library.mr_alloc_int_val(self._context, 0, _UNDEFINED)
        self._bell = self._library.mr_make_js_callback(self._context, _BELL)
        self._arguments = self._evaluate("[]")
        self._function = self._evaluate(source)
        shared = self._library.mr_array_push(self._context, self._function, self._bell)
        self.address, self.bytes = self._memory(shared)

    def _called(self, what: int, handle: ctypes._Pointer[_Value]) -> None:
        if what == _EVALUATED:
            self._evaluated = handle
            return
        self._library.mr_free_value(self._context, handle)
        if what == _BELL:
            self._on_bell()

    def _evaluate(self, source: str) -> ctypes._Pointer[_Value]:
        data = source.encode()
        text = self._library.mr_alloc_string_val(self._context, data, len(data), _STRING)
        self._library.mr_eval(self._context, text, _EVALUATED)
        self.settle()
        self._library.mr_free_value(self._context, text)
        self._check(self._evaluated)
        return self._evaluated

    def _check(self, handle: ctypes._Pointer[_Value]) -> None:
        if handle.contents.type in _ERRORS:
            value = handle.contents
            text = ctypes.string_at(value.value.address, value.length).decode("utf-8", "replace")
            self._library.mr_free_value(self._context, handle)
            raise V8Error(text)

    def _memory(self, handle: ctypes._Pointer[_Value]) -> tuple[int, int]:
        self._check(handle)
        if handle.contents.type != _ARRAY_BUFFER:
            text = f"the prelude gave a value of type {handle.contents.type}, not memory"
            raise V8Error(text)
        return int(handle.contents.value.address), int(handle.contents.length)

    def settle(self) -> None:
        """Wait until V8's thread has run every task and every promise job queued so far.

        Any blocking task does: it is queued behind the others, and promise jobs run in between.
        """
        handle = self._library.mr_get_identity_hash(self._context, self._bell)
        self._library.mr_free_value(self._context, handle)

    def call(self) -> None:
        """Call the function, and run promise jobs until none is ready."""
        self._library.mr_call_function(
            self._context, self._function, self._undefined, self._arguments, _DELIVERED
        )
        self.settle()

    def write_large(self, data: bytes) -> None:
        """Write one message that does not fit the shared memory into memory of its own.

        Raises:
            V8Error: there is not that much memory.
        """
        handle = self._library.mr_splice_array(
            self._context, self._function, len(data), 0, _Handle()
        )
        address, _ = self._memory(handle)
        ctypes.memmove(address, data, len(data))
        self._library.mr_free_value(self._context, handle)

    def syntax_error(self, source: str) -> str:
        """Return V8's text about the first syntax error in `source`; "" when there is none.

        `source` is run when it is correct: callers make sure that it never is.
        """
        try:
            self._library.mr_free_value(self._context, self._evaluate(source))
        except V8Error as error:
            return str(error)
        return ""

    def limit_memory(self, memory_bytes: int) -> None:
        """End all JavaScript once its heap is larger after a collection; buffers do not count."""
        self._library.mr_set_hard_memory_limit(self._context, memory_bytes)

    @property
    def out_of_memory(self) -> bool:
        """Whether `limit_memory` has ended the isolate."""
        return bool(self._library.mr_hard_memory_limit_reached(self._context))

    def close(self) -> None:
        """Free the isolate and end its thread."""
        self._library.mr_free_context(self._context)
