"""The jobs that a child does, by name; each imports its own library, by name: some have no types."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class ProblemError(Exception):
    """What is wrong with what a job was given, for whoever asked for it."""


def csv_query(**given: Any) -> Any:
    """Ask a table in SQL."""
    from llmspell_bridges.bounded.csv_sql import query

    return query(**given)


def json_query(query: str, *, data: Any = None, text: bytes | None = None) -> Any:
    """Ask JSON in JMESPath: data as it is, or its text."""
    import msgspec

    jmespath: Any = import_module("jmespath")
    wrong = import_module("jmespath.exceptions").JMESPathError
    if text is not None:
        try:
            data = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ProblemError(f"the data is not JSON: {error}") from None
    try:
        return jmespath.search(query, data)
    except (wrong, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:300]
        raise ProblemError(f"the query is wrong: {said}") from None


def readable(html: bytes, charset: str) -> dict[str, str]:
    """Take a page's title and readable text out of its HTML."""
    extract: Any = import_module("resiliparse.extract.html2text").extract_plain_text
    parse: Any = import_module("resiliparse.parse.html").HTMLTree.parse
    try:
        decoded = html.decode(charset)
    except (UnicodeDecodeError, LookupError):
        guess: Any = import_module("resiliparse.parse.encoding").detect_encoding
        decoded = html.decode(guess(html) or "latin-1", "replace")
    tree = parse(decoded)
    options = {"links": True, "alt_texts": True, "list_bullets": True}
    text = extract(tree, main_content=True, **options).strip()
    if not text:  # a page that is all menu
        text = extract(tree, main_content=False, **options).strip()
    return {"title": " ".join((tree.title or "").split())[:300], "text": text}


def search_results(html: str) -> list[dict[str, str]]:
    """Read DuckDuckGo's page of results."""
    base: Any = import_module("ddgs.engines.duckduckgo").Duckduckgo

    class Reader(base):  # type: ignore[misc]  # ddgs is known by name alone
        def __init__(self) -> None:
            """Make no HTTP client: pages come from ours."""
            self.results: list[Any] = []

    reader = Reader()
    found = reader.post_extract_results(reader.extract_results(html))
    return [{"title": it.title, "url": it.href, "snippet": it.body} for it in found if it.href]


JOBS: dict[str, Callable[..., Any]] = {
    job.__name__: job for job in (csv_query, json_query, readable, search_results)
}
