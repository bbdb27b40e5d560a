"""The examples, as the README says to run them, each with the same outcome in every language."""

from __future__ import annotations

from pathlib import Path

from llmspell_testkit import ExamplesContract
from llmspell_testkit.example import ExampleCase, ExampleRun
from llmspell_testkit.provider import Page

SEARCH = "html.duckduckgo.com"
"""Who is asked by `web_search`; in the tests it is a server on this machine."""


class Case(ExampleCase, frozen=True, kw_only=True):
    """A case in which `found` is the title of the page that `web_search` finds."""

    found: str | None = None


class TestExamples(ExamplesContract):
    """Our examples, in Lua and JavaScript."""

    folder = Path(__file__).resolve().parents[3] / "examples"
    suffixes = (".lua", ".js")
    case_type = Case

    @staticmethod
    def prepare(run: ExampleRun) -> None:
        """Let the search engine be on this machine, and find one page for whatever is looked for."""
        title = getattr(run.case, "found", None)
        if title is None:
            return
        link = f'<h2>{title}</h2><a href="https://example.org/a">About it</a>'
        page = Page(text=f'<div class="body">{link}</div>', type="text/html; charset=utf-8")
        run.provider.pages["/html/"] = page
        run.args = [arg.replace(SEARCH, run.provider.address) for arg in run.args]
        settings = f'[tools.web_search]\nbase_url = "{run.provider.url}"\n'
        run.write(".config/config.toml", settings)
