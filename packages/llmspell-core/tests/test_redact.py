"""Keys in texts, values, errors and streams."""

from __future__ import annotations

import base64
import copy
import pickle
import time
import traceback
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from llmspell_core import InternalError, NetworkError, TextRecord
from llmspell_core.redact import RedactedError, Redactor
from llmspell_core.redact import redactor as shared
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk-canary/41+b\"q'\\ü~end"
PLAIN = "9f3kq81xz7Lw20aaPq"


@pytest.fixture
def redactor() -> Redactor:
    """One that knows two keys."""
    redactor = Redactor()
    redactor.learn(KEY, "ODD_KEY")
    redactor.learn(PLAIN, "ACME_KEY")
    return redactor


def _base64(text: str, before: str = "", after: str = "") -> str:
    return base64.b64encode(f"{before}{text}{after}".encode()).decode()


@pytest.mark.parametrize("key", [KEY, PLAIN], ids=["odd", "plain"])
@pytest.mark.parametrize(
    "form",
    [
        str,
        lambda key: quote(key, safe=""),
        lambda key: quote(key, safe="").lower() if key is KEY else quote(key),
        quote,
        quote_plus,
        lambda key: msgspec.json.encode(key).decode(),
        _base64,
        lambda key: _base64(key, "Bearer "),
        lambda key: _base64(key, "user:", "\n"),
        lambda key: base64.urlsafe_b64encode(f"ab{key}cd".encode()).decode(),
        lambda key: f"Authorization: Bearer {key}",
    ],
)
def test_a_key_is_found_in_every_usual_form(
    redactor: Redactor, key: str, form: Callable[[str], str]
) -> None:
    """As it is, in a URL, in JSON, in base64 whatever stands beside it; as text and as bytes."""
    told = f"it said {form(key)} to us"
    for shown in (redactor.text(told), redactor.data(told.encode()).decode()):
        assert "[redacted: " in shown
        assert shown.startswith("it said ")
        assert shown.endswith(" to us")
        assert not any(key[i : i + 8] in shown for i in range(len(key) - 7))


def test_what_is_found_has_a_name(redactor: Redactor) -> None:
    """People can tell which key was there."""
    assert redactor.text(f"<{PLAIN}>") == "<[redacted: ACME_KEY]>"


def test_the_longer_of_two_keys_goes_first() -> None:
    """No rest of it stays behind where one begins as the other."""
    redactor = Redactor()
    redactor.learn("abcdefgh", "SHORT")
    redactor.learn("abcdefgh-ijkl", "LONG")
    assert redactor.text("abcdefgh-ijkl abcdefgh") == "[redacted: LONG] [redacted: SHORT]"


@pytest.mark.parametrize("value", [None, "", "true", "1234567"])
def test_what_is_too_short_is_no_key(value: str | None) -> None:
    """Replacing it would spoil ordinary words."""
    redactor = Redactor()
    redactor.learn(value, "X")
    assert redactor.known == {}


def test_the_environments_credentials_are_known(tmp_path: Any) -> None:
    """By their names; a variable that says where a credential is says none."""
    redactor = Redactor()
    redactor.learn_environment(
        {
            "ACME_API_KEY": PLAIN,
            "HOME": "/home/somebody",
            "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path),
            "AWS_SECRET_ACCESS_KEY": "/begins/with+a/slash",
            "AUTH_MODE": "development",
            "TOKEN_URL": "https://auth.example.org/v1/token",
            "SLACK_WEBHOOK_URL": "https://hooks.example/T0/B0/9f3kq81xz7Lw20aaPq99",
        }
    )
    assert redactor.text("development at https://auth.example.org/v1/token") == (
        "development at https://auth.example.org/v1/token"
    )
    assert redactor.text("https://hooks.example/T0/B0/9f3kq81xz7Lw20aaPq99").startswith("[redac")
    assert redactor.text(f"{PLAIN} /home/somebody {tmp_path} /begins/with+a/slash") == (
        f"[redacted: ACME_API_KEY] /home/somebody {tmp_path} [redacted: AWS_SECRET_ACCESS_KEY]"
    )


def test_values_are_searched_all_the_way_down(redactor: Redactor) -> None:
    """Lists, maps with their keys, bytes, text records; numbers stay what they are."""
    record = TextRecord(f"a {PLAIN}", {"usage": {"n": 1}, "x": [PLAIN]})
    value = {"a": [1, 2.5, None, True, f"-{PLAIN}-"], PLAIN: b"\xff" + PLAIN.encode(), "r": record}
    shown = redactor.value(value)
    assert PLAIN not in str(shown)
    assert shown["a"] == [1, 2.5, None, True, "-[redacted: ACME_KEY]-"]
    assert shown["[redacted: ACME_KEY]"] == b"\xff[redacted: ACME_KEY]"
    assert type(shown["r"]) is TextRecord
    assert shown["r"].fields == {
        "content": "a [redacted: ACME_KEY]",
        "usage": {"n": 1},
        "x": ["[redacted: ACME_KEY]"],
    }
    assert PLAIN in str(value), "the original is left alone"


@pytest.mark.parametrize(
    "value",
    [
        PLAIN,
        PLAIN.encode(),
        ["a", [PLAIN]],
        {"a": {PLAIN: 1}},
        TextRecord("x", {"y": [PLAIN]}),
        [TextRecord("x", {"y": PLAIN})],
        ["\ud800", PLAIN],
        {"a": 2**70, "b": PLAIN},
        {1.5: PLAIN},
    ],
    ids=repr,
)
def test_a_key_is_found_in_values_of_every_kind(redactor: Redactor, value: Any) -> None:
    """In those that one encoding shows whole, and in those that have none."""

    def told(value: Any) -> str:
        fields = value.fields if isinstance(value, TextRecord) else value
        return repr([told(it) for it in fields]) if isinstance(fields, list) else repr(fields)

    assert PLAIN in told(value)
    assert PLAIN not in told(redactor.value(value))


def test_a_value_without_a_key_is_the_same_object(redactor: Redactor) -> None:
    """Nothing is copied where nothing is found."""
    value = {"a": [1, "b", {"c": b"d"}], "r": TextRecord("x", {"y": ["z"]})}
    assert redactor.value(value) is value


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-test*****cdef. You can find",
        "sk-proj-abcDEF0123456789abcd is wrong",
        "sk-ant-api03-abcDEF0123456789abcd",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "github_pat_11ABCDEFG0123456789abcdef",
        "xoxb-123456789012-abcdef",
        "Authorization: Bearer abcdefgh12345678",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def",
        "https://user:pa55word@llm.example/v1",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_key_is_replaced_in_foreign_texts(text: str) -> None:
    """Also one that nobody has told us of; what a spell says itself is left alone."""
    redactor = Redactor()
    assert "[redacted: a key]" in redactor.foreign(text)
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "sk-fading-circle is a class of a style sheet",
        "sk-learn and scikit-learn, sk_buff, task-0123456789012345678",
        "cannot connect to http://localhost:8000/v1: refused",
        "see https://example.org/a:b and mail me@example.org",
        "the bearer of this text",
        "model gpt-4o-2024-08-06 of openai/gpt-4o",
        "hf_hub, ghp_, r8_x, AKIA, eyJ.eyJ.x",
    ],
)
def test_ordinary_texts_are_left_alone(text: str) -> None:
    """Nothing in them is taken for a key."""
    assert Redactor().foreign(text) == text


@pytest.mark.parametrize(
    "piece", ["-eyJ", "://a:", "sk-", "-----BEGIN A", "Bearer ", "eyJaaaaaaaaaa."]
)
def test_no_text_takes_long_to_search(piece: str) -> None:
    """A spell that makes a library repeat its text does not hold the host up."""
    short, long = (_seconds(piece * (size // len(piece))) for size in (20_000, 200_000))
    assert long < 40 * short + 0.05


def _seconds(text: str) -> float:
    started = time.process_time()
    Redactor().foreign(text)
    return time.process_time() - started


@pytest.mark.parametrize("size", [1, 2, 5, 7, 11, 1000])
@pytest.mark.parametrize("key", [KEY, PLAIN, _base64(PLAIN)], ids=["odd", "plain", "base64"])
def test_a_key_is_found_across_the_pieces_of_a_stream(
    redactor: Redactor, key: str, size: int
) -> None:
    """However it is cut; all other text comes through, in order."""
    whole = f"9f3k so it begins {key} and 9f3kq81xz7Lw20aaP is not one, 9f3"
    stream = redactor.stream()
    pieces = [stream.feed(whole[i : i + size]) for i in range(0, len(whole), size)]
    shown = "".join(pieces) + stream.end()
    assert shown == redactor.text(whole)
    assert "[redacted: " in shown


def test_a_stream_is_passed_on_at_once_where_no_key_may_begin(redactor: Redactor) -> None:
    """Only what a key could begin with waits for the next piece."""
    stream = redactor.stream()
    assert stream.feed("Hello") == "Hello"
    assert stream.feed("Hello 9f") == "Hello "
    assert stream.feed("h") == "9fh"
    assert Redactor().stream().feed(PLAIN) == PLAIN


def _refuse(key: str) -> None:
    raise ConnectionError(f"401 for {key}")


def _fail() -> None:
    local = PLAIN
    try:
        _refuse(local)
    except ConnectionError as cause:
        raise InternalError(f"failed with {local}", details={"sent": [local]}) from cause


def test_an_error_tells_no_key_nor_does_its_cause(redactor: Redactor) -> None:
    """Message, arguments, details, the cause's traceback, and the variables of its frames."""
    with pytest.raises(InternalError) as caught:
        _fail()
    error = caught.value
    redactor.error(error)
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(error.__cause__)
    assert PLAIN not in told + str(error) + str(error.details)
    assert "ConnectionError: 401 for [redacted: ACME_KEY]" in told
    assert isinstance(error.__cause__, RedactedError)
    assert not any(
        PLAIN in str(frame.f_locals) for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def test_a_cause_without_a_key_is_left_alone(redactor: Redactor) -> None:
    """It stays the exception that it was."""
    cause = ZeroDivisionError("division by zero")
    error = InternalError("failed")
    error.__cause__ = cause
    redactor.error(error)
    assert error.__cause__ is cause


def _give_up() -> None:
    try:
        _refuse(PLAIN)
    except ConnectionError:
        raise NetworkError("no answer", provider="acme") from None


def test_what_a_traceback_does_not_show_is_let_go(redactor: Redactor) -> None:
    """Exceptions of libraries hold the requests that they are about."""
    with pytest.raises(NetworkError) as caught:
        _give_up()
    assert caught.value.__context__ is not None
    redactor.error(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.provider == "acme"


def test_fields_of_an_error_are_searched_too(redactor: Redactor) -> None:
    """The attribute is the detail."""
    error = NetworkError("no answer", provider=PLAIN)
    redactor.error(error)
    assert error.provider == error.details["provider"] == "[redacted: ACME_KEY]"


def test_a_secret_is_read_when_it_is_used_and_then_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once; from then on the process's redactor replaces it."""
    monkeypatch.setattr(shared, "known", {})
    reads: list[str] = []

    def read() -> str:
        reads.append("read")
        return PLAIN

    secret = Secret(read, "keyring acme, user me", name="acme")
    assert not secret.is_read
    assert shared.text(PLAIN) == PLAIN
    assert secret.get_secret_value() == secret.get_secret_value() == PLAIN
    assert (reads, secret.is_read) == (["read"], True)
    assert shared.text(PLAIN) == "[redacted: acme]"


def test_a_secret_shows_itself_nowhere() -> None:
    """Not as text in any way, not in JSON or MessagePack, not by pickle or copy, not in its slots."""
    secret = Secret.of(PLAIN, "ACME_KEY")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r:>40}", f"{[secret]}"]
    assert not any(PLAIN in text for text in shown)
    assert PLAIN not in str(dir(secret))
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins):
        with pytest.raises(TypeError):
            leak(secret)
