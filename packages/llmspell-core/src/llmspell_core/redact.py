"""Keeps the host's keys out of all that leaves it: answers, errors, logs, traces, recordings.

What the host has read as a key is registered here, once per process, and every boundary asks for
it: `dispatch` for answers and errors, `Session` for logs and recordings, the command for what it
writes. A key is found as it is and as it is escaped in JSON, in a URL and in base64; a stream is
looked at across its pieces. What only looks like a key is replaced in texts that libraries and
providers wrote (`foreign`), and left alone in what a spell prints or returns.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.environment import is_credential
from llmspell_core.values import TextRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_core.errors import LlmspellError

SHORTEST = 8
"""A shorter key is none: replacing it would spoil ordinary words."""
_ENCODED_SHORTEST = 12
_ENCODER = msgspec.msgpack.Encoder()
_INERT = frozenset({type(None), bool, int, float})
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LONGEST_WORD = 16
_LONG_PART = re.compile(r"/.*[\w-]{16}")
_PATH_LIKE = ("/", "~", "./", "../")

# Prefixes that the issuers chose so that such searches find them. What follows one has to hold a
# digit, or asterisks where the issuer has masked it: `sk-fading-circle` is no key. No start can
# fail after more than a few steps, whatever a spell has put into the text.
_SHAPES = re.compile(
    r"""
    \b(?:g?sk[-_]|rk_|csk-|xai[-_]|pplx-|nvapi-|glpat-)(?=[A-Za-z_.-]{0,64}[\d*])[\w*.-]{16,}
    | \b(?:sk|gsk|xai)[-_][\w.-]{0,64}\*{3,}[\w*.-]*
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \bAIza[\w-]{30,}
    | \b(?:gh[pousr]|github_pat|hf|r8|tvly)_\w{20,}
    | \bxox[abeprs]-[\w-]{10,}
    | (?<![\w-])eyJ[\w-]{10,}+\.[\w-]{10,}+\.[\w-]*
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    | (?<=[Bb]earer\ )(?!\[redacted)[^\s"',;]{8,}
    | (?<=://)[^\s/@:"']*:[^\s/@"']+(?=@)
    """,
    re.VERBOSE | re.DOTALL,
)

# Without one of these no shape can match: looking for them takes a microsecond, the search fifty.
_MARKS = (
    *("sk-", "sk_", "rk_", "xai-", "xai_", "pplx-", "nvapi-", "glpat-", "AKIA", "ASIA"),
    *("AIza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "hf_", "r8_", "tvly_", "xox"),
    *("eyJ", "PRIVATE KEY", "earer ", "@"),
)


class Redactor:
    """Knows keys and the names to show for them; it only ever learns more."""

    def __init__(self) -> None:
        """Know nothing: then every question costs one look."""
        self.known: dict[str, str] = {}
        """Each form of each key, the longest first, and what is put in its place."""
        self._bytes: list[tuple[bytes, bytes]] = []
        self.starts: dict[str, list[str]] = {}
        """The forms by their first character."""

    def learn(self, value: str | None, name: str) -> None:
        """Remember a key; `name` is what people know it by, such as its variable."""
        if value is None or len(value) < SHORTEST or value in self.known:
            return
        shown = f"[redacted: {name}]"
        known = {**dict.fromkeys(forms(value), shown), **self.known}
        self.known = {form: known[form] for form in sorted(known, key=len, reverse=True)}
        self._bytes = [(_encoded(form), _encoded(text)) for form, text in self.known.items()]
        self.starts = {}
        for form in self.known:
            self.starts.setdefault(form[0], []).append(form)

    def learn_environment(self, environ: Mapping[str, str]) -> None:
        """Remember every variable whose name speaks of a secret, and whose value can be one."""
        for name, value in environ.items():
            if is_credential(name) and not _is_setting(value):
                self.learn(value, name)

    def text(self, text: str) -> str:
        """Replace the keys in a text."""
        if len(text) < SHORTEST:
            return text
        for form, shown in self.known.items():
            if form in text:
                text = text.replace(form, shown)
        return text

    def data(self, data: bytes) -> bytes:
        """Replace the keys in bytes."""
        for form, shown in self._bytes:
            if form in data:
                data = data.replace(form, shown)
        return data

    def foreign(self, text: str) -> str:
        """Replace the keys in a library's or a provider's text, and what looks like one."""
        text = self.text(text)
        if any(mark in text for mark in _MARKS):
            return _SHAPES.sub("[redacted: a key]", text)
        return text

    def value(self, value: Any, *, foreign: bool = False) -> Any:
        """Replace the keys in a script value, map keys included; without any it is the same object.

        `foreign` replaces what looks like a key too.
        """
        if type(value) in _INERT or (not foreign and self._clean(value)):
            return value
        return self._replaced(value, foreign=foreign)

    def _clean(self, value: Any) -> bool:
        """Say whether no key is in it, where one look at its encoding tells: 2 µs instead of 10."""
        whole = value.fields if type(value) is TextRecord else value
        try:
            data = _ENCODER.encode(whole)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return False  # it holds what has no encoding, such as another text record
        return not any(form in data for form, _ in self._bytes)

    def _replaced(self, value: Any, *, foreign: bool) -> Any:  # noqa: PLR0911 - one line for each kind of type
        kind = type(value)
        if kind in _INERT:
            return value
        if kind is str:
            return self.foreign(value) if foreign else self.text(value)
        if kind is bytes:
            return self.data(value)
        if kind is list or kind is tuple:
            items = [
                it if type(it) in _INERT else self._replaced(it, foreign=foreign) for it in value
            ]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else items
        if kind is dict:
            return self._map(value, foreign=foreign)
        if kind is TextRecord:
            fields = self._map(value.fields, foreign=foreign)
            return value if fields is value.fields else TextRecord(fields["content"], fields)
        return value

    def _map(self, value: dict[Any, Any], *, foreign: bool) -> dict[Any, Any]:
        # most maps have no key in them, and cost no copy
        safe: dict[Any, Any] | None = None
        for index, (name, item) in enumerate(value.items()):
            new_name = self._replaced(name, foreign=foreign)
            new_item = item if type(item) in _INERT else self._replaced(item, foreign=foreign)
            if safe is None and (new_name is not name or new_item is not item):
                safe = dict(islice(value.items(), index))
            if safe is not None:
                safe[new_name] = new_item
        return value if safe is None else safe

    def error(self, error: LlmspellError) -> None:
        """Take keys, and what looks like one, out of an error and of what caused it."""
        error.message = self.foreign(error.message)
        error.args = (error.message,)
        error.details = self.value(error.details, foreign=True)
        for name in error.fields:
            setattr(error, name, error.details.get(name))
        if error.__cause__ is not None:
            error.__cause__ = self._cause(error.__cause__)
        if error.__suppress_context__:
            error.__context__ = None  # no traceback shows it, and it holds requests with their keys
        if self.known:
            _forget_locals(error)

    def _cause(self, cause: BaseException) -> BaseException:
        """Give back `cause`, or where it tells a key, what can be shown in its place."""
        import traceback

        told = "".join(traceback.format_exception(cause))
        safe = self.foreign(told)
        if safe == told and repr(cause) == self.foreign(repr(cause)):
            return cause
        return RedactedError(safe.rstrip())

    def stream(self) -> StreamRedactor:
        """Look at a text that comes in pieces."""
        return StreamRedactor(self)


class RedactedError(Exception):
    """Stands for an exception that told a key: its traceback as text, without the key."""


class StreamRedactor:
    """Holds back the end of a piece for as long as a key may be going on in the next one."""

    def __init__(self, redactor: Redactor) -> None:
        """Start with nothing held back."""
        self._redactor = redactor
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece; return what can be shown already."""
        if not self._redactor.known:
            return piece
        text = self._redactor.text(self._held + piece)
        longest, starts = len(next(iter(self._redactor.known))), self._redactor.starts
        for start in range(max(0, len(text) - longest + 1), len(text)):
            if text[start] in starts:
                tail = text[start:]
                if any(form.startswith(tail) for form in starts[text[start]]):
                    self._held = tail
                    return text[:start]
        self._held = ""
        return text

    def end(self) -> str:
        """Return what is left at the end."""
        held, self._held = self._held, ""
        return self._redactor.text(held)


def forms(value: str) -> list[str]:
    """List what a text may look like: itself, escaped for JSON and for a URL, within base64."""
    import binascii

    data = _encoded(value)
    percent = "".join(chr(c) if c in _UNRESERVED else f"%{c:02X}" for c in data)
    path = "".join(chr(c) if c in _UNRESERVED or c == 0x2F else f"%{c:02X}" for c in data)  # noqa: PLR2004 - a slash
    found = [value, percent, re.sub("%..", lambda m: m[0].lower(), percent), path]
    found.append(percent.replace("%20", "+"))
    found.append(msgspec.json.encode(value.encode("utf-8", "replace").decode())[1:-1].decode())
    if len(data) >= _ENCODED_SHORTEST:
        for before in range(3):
            encoded = binascii.b2a_base64(bytes(before) + data, newline=False).decode()
            # the characters that depend on this text alone, whatever stands around it
            part = encoded[-(-before * 4 // 3) : (before + len(data)) * 4 // 3]
            found += [part, part.replace("+", "-").replace("/", "_")]
    return list(dict.fromkeys(found))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _forget_locals(error: BaseException) -> None:
    """Clear the variables of the frames that an error came through: tools that show them exist."""
    import traceback

    links: list[BaseException | None] = [error, error.__cause__, error.__context__]
    for link in links:
        if link is not None:
            traceback.clear_frames(link.__traceback__)


def _is_setting(value: str) -> bool:
    """Say whether a value is no secret itself: a word, a place where there is one.

    ``AUTH_MODE=development``, ``TOKEN_URL=https://auth.example.org/v1``, ``SSH_AUTH_SOCK=/run/…``.
    """
    if value.isalpha():
        return len(value) < _LONGEST_WORD
    if "://" in value:
        return "@" not in value and not _LONG_PART.search(value.partition("://")[2])
    return value.startswith(_PATH_LIKE) and _exists(value)


def _exists(path: str) -> bool:
    import os

    return os.path.exists(os.path.expanduser(path))  # noqa: PTH110, PTH111 - pathlib costs 5 ms at every start


redactor = Redactor()
"""This process's: what one part of the host has read as a key is one for every other part."""
