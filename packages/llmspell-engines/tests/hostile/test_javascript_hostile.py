"""No JavaScript of the hostile corpus gets out, outlives its limits, or harms its host."""

from __future__ import annotations

import sys

from llmspell_testkit import HostileContract


class TestJavaScriptHostile(HostileContract):
    """In locked workers, each with a host of its own."""

    engine = "javascript"
    require_lock = sys.platform == "linux"


def test_the_corpus_is_large() -> None:
    """There are more than 120 attempts, in more than a dozen topics."""
    cases = TestJavaScriptHostile.corpus().cases.values()
    assert len(cases) >= 250
    assert len({case.topic for case in cases}) >= 15
