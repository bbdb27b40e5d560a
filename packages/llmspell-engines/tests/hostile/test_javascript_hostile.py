"""No JavaScript of the hostile corpus gets out, outlives its limits, or harms its host."""

from __future__ import annotations

from llmspell_testkit import HostileContract


class TestJavaScriptHostile(HostileContract):
    """In workers, at the level that this machine offers."""

    engine = "javascript"
