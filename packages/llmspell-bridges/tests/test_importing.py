"""Libraries imported in threads, beside each other."""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from typing import TYPE_CHECKING, Any

from llmspell_bridges.importing import BackgroundImport

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import pytest


def test_one_that_ends_hides_no_module_from_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a module is looked for, the finder of an import that ends goes away: it is found still."""
    (tmp_path / "acme_found.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    begun, may_end = threading.Event(), threading.Event()

    def load() -> ModuleType:
        begun.set()
        may_end.wait(20)
        return threading

    other = BackgroundImport("other", load, "others")

    class Pausing:
        """Lets the other import end in the middle of a search."""

        def find_spec(self, name: str, *_: Any) -> None:
            if name == "acme_found":
                may_end.set()
                other.start().result(20)

    finders: list[Any] = [BuiltinImporter, FrozenImporter, Pausing(), PathFinder]
    monkeypatch.setattr(sys, "meta_path", finders)
    other.start()
    begun.wait(20)
    assert importlib.import_module("acme_found").value == 1
    assert sys.meta_path == finders
