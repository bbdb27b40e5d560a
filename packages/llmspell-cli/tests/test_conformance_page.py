"""The page of `llmspell conformance --html`, in a real browser: Debian's chromium."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import shutil
import struct
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_testkit.conformance.page import page
from llmspell_testkit.conformance.records import Report, Result, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVIL = (
    '</li></script><script>parent.document.title = document.title = "ran"</script>'
    '<img src=x onerror="parent.document.title = document.title = 1"> \u202e \x00 \x1b[31m'
)
"""What a script that wants to run in the reader's browser prints."""

LOOK = """
<!DOCTYPE html><title>quiet</title><body><iframe src="report.html" width="WIDTH" height="800"></iframe>
<script>
document.querySelector("iframe").onload = (loaded) => {
  const page = loaded.target.contentDocument;
  const all = (query) => [...page.querySelectorAll(query)];
  for (const part of all("details")) part.open = true;
  const width = page.documentElement.clientWidth;
  const hidden = (part) => part.closest("thead") && getComputedStyle(part.closest("thead")).position === "absolute";
  const cut = all("body *").filter((part) => {
    const box = part.getBoundingClientRect();
    return !hidden(part) && box.width > 0
      && (box.right > width + 0.5 || box.left < -0.5 || part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0);
  });
  const found = {
    title: page.title, width, scrolls: page.documentElement.scrollWidth > width,
    cut: cut.map((part) => part.outerHTML.slice(0, 120)),
    rows: all("tbody tr").map((row) => [...row.children].map((cell) => cell.textContent.trim())),
    topics: all("thead th.topic").map((head) => head.textContent),
    scripts: all("script, img, iframe, link, object, form").length,
    loaded: loaded.target.contentWindow.performance.getEntriesByType("resource").length,
    marked: all(".script .expected, .script .got").map((line) => line.textContent),
    failures: all("article h3").map((head) => head.textContent),
    targets: all("td a").every((link) => page.getElementById(link.hash.slice(1))),
    background: getComputedStyle(page.body).backgroundColor,
    tabbable: all("a[href], summary").every((part) => part.tabIndex === 0),
  };
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
};
</script>
"""


def subject(name: str, isolation: str, results: list[Result], **more: Any) -> Subject:
    """Make an engine that was held to the contract."""
    return Subject(
        kind="engine",
        name=name,
        version="1",
        language=name.title(),
        isolation=isolation,
        distribution=f"llmspell-{name}",
        distribution_version="0.1.0",
        claims=["int64"],
        declines=["a_capability_with_quite_a_long_name"],
        traits=["catching"],
        lacks=["a_trait_with_quite_a_long_name"],
        duration_s=1.5,
        results=results,
        **more,
    )


def result(topic: str, outcome: Any, number: int, **more: Any) -> Result:
    """Make one case's result."""
    return Result(
        id=f"{topic}-{number}", topic=topic, outcome=outcome, heading=f"{topic}#x", **more
    )


@pytest.fixture
def report() -> Report:
    """Two engines and a bridge, on every topic; one fails with a hostile script, one broke off."""
    topics = ("builders", "callbacks", "calls", "concurrency", "contract", "declined", "errors")
    topics += ("handles", "includes", "limits", "params", "stdlib", "streams", "syntax")
    topics += ("text_records", "values")
    good = [result(topic, "passed", n, duration_s=0.01) for topic in topics for n in range(12)]
    bad = result(
        "values",
        "failed",
        99,
        description=EVIL,
        problems=[EVIL, "[1] int 2 ≠ float 2.0", "x" * 3000],
        script=f"local a = 1\n{EVIL}\n{'y' * 900}",
        expected_line=1,
        got_line=2,
    )
    more = [result("calls", "declined", 98, declines=["x"]), result("syntax", "known", 97)]
    subjects = [
        subject("lua", "locked", good),
        subject("an-engine-whose-name-is-longer-than-most", "inproc", [*good, bad, *more]),
        subject("crashing", "inproc", good[:3], fault=f"its process was ended\n{EVIL}"),
    ]
    return Report(
        contract_version="0.1",
        testkit_version="0.1.0",
        python="3.11",
        platform="Linux",
        started="2026-01-01T00:00:00Z",
        duration_s=3.0,
        passed=False,
        subjects=subjects,
    )


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The test's folder over HTTP, where a page may look into another."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def browser(tmp_path: Path) -> Callable[..., str]:
    """Run chromium to its end, with a profile of its own; return what it prints."""
    program = shutil.which("chromium")
    assert program is not None, "this test looks at a page in Debian's package chromium: install it"
    options = (
        "--headless",
        "--no-sandbox",  # which a container cannot give it; it is shown our own page alone
        "--disable-gpu",
        "--no-first-run",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}",
    )

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, *options, *arguments], capture_output=True, timeout=50, check=True
        )
        return done.stdout.decode()

    return run


@pytest.fixture
def look(tmp_path: Path, served: str, browser: Callable[..., str]) -> Callable[[str, int], Any]:
    """Show a page at a width, and tell what the browser made of it."""

    def see(shown: str, width: int) -> Any:
        (tmp_path / "report.html").write_text(shown, encoding="utf-8")
        (tmp_path / "look.html").write_text(LOOK.replace("WIDTH", str(width)), encoding="utf-8")
        dom = browser(
            "--virtual-time-budget=10000",
            "--window-size=1400,900",
            "--dump-dom",
            f"{served}/look.html",
        )
        assert "<title>quiet</title>" in dom, "a script of the report ran"
        found = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
        assert found is not None, dom
        return json.loads(html.unescape(found[1]))

    return see


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_whole_at_every_width(
    look: Callable[[str, int], Any], report: Report, width: int
) -> None:
    """On a phone and on a desktop nothing is cut off or hangs over, with all parts open."""
    found = look(page(report), width)
    assert found["width"] == width
    assert (found["scrolls"], found["cut"]) == (False, [])


def test_the_page_shows_the_run(look: Callable[[str, int], Any], report: Report) -> None:
    """The matrix has a row for each engine and a column for each topic; failures show their script."""
    found = look(page(report), 1280)
    rows = {row[0].split()[0]: row[1:] for row in found["rows"]}
    assert len(found["topics"]) == 16
    assert rows["lua"][0] == "builders✓ 12"
    assert rows["an-engine-whose-name-is-longer-than-most"][-1] == "values✗ 1"
    assert rows["an-engine-whose-name-is-longer-than-most"][13] == "syntax≈ 12"
    assert rows["crashing"][1] == "callbacks"
    assert found["failures"] == [
        "an-engine-whose-name-is-longer-than-most at inproc: values-99",
        "crashing at inproc: the run broke off",
    ]
    assert found["marked"][0] == "local a = 1 ← an error was expected here"
    assert found["marked"][1].startswith("</li></script><script>")
    assert found["targets"]
    assert found["tabbable"]


def test_no_script_of_a_case_runs(look: Callable[[str, int], Any], report: Report) -> None:
    """What a case printed is text: no element of it is there, and nothing is fetched."""
    found = look(page(report), 1280)
    assert (found["title"], found["scripts"], found["loaded"]) == ("llmspell conformance", 0, 0)


def test_the_policy_holds_what_escaping_would_miss(
    look: Callable[[str, int], Any], report: Report
) -> None:
    """A script that got into the page all the same does not run, while the page's style does."""
    shown = page(report).replace("</main>", f"{EVIL}</main>")
    found = look(shown, 1280)
    assert found["scripts"] == 2
    assert found["title"] == "llmspell conformance"
    assert found["background"] == "rgb(246, 247, 249)"


def test_a_picture_can_be_taken(
    tmp_path: Path, browser: Callable[..., str], report: Report
) -> None:
    """The browser paints the page from a file, in more than one colour."""
    file = tmp_path / "report.html"
    file.write_text(page(report), encoding="utf-8")
    picture = tmp_path / "report.png"
    browser("--window-size=1280,900", f"--screenshot={picture}", file.as_uri())
    data = picture.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1280, 900)
    assert len(data) > 30_000, "the picture is empty"
