"""`ExamplesContract`: every example of a folder does what it says, in every language.

The whole of a test file::

    from pathlib import Path
    from llmspell_testkit import ExamplesContract

    class TestExamples(ExamplesContract):
        folder = Path("examples")

An example is a folder below that with an ``expected.toml`` and spells of its own name:
``hello/hello.lua``, ``hello/hello.js``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from llmspell_testkit.example.expected import FILE, ExampleCase, read_expected
from llmspell_testkit.example.run import ExampleRun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llmspell_testkit.provider import FakeProvider


class ExamplesContract:
    """Subclass it, name the folder, and run pytest.

    Each case of each ``expected.toml`` is run with the command, in every language that the example
    is written in, from a folder of its own. `suffixes` are those of the languages that every
    example must be written in. `case_type` may be a subclass of `ExampleCase` with fields that
    `prepare` understands.
    """

    folder: ClassVar[Path]
    command: ClassVar[Sequence[str]] = (sys.executable, "-m", "llmspell_cli")
    suffixes: ClassVar[Sequence[str]] = ()
    case_type: ClassVar[type[ExampleCase]] = ExampleCase

    @staticmethod
    def prepare(run: ExampleRun) -> None:
        """Change the world of a run before it starts; as it is, nothing is changed."""

    @classmethod
    def examples(cls) -> list[Path]:
        """List the examples' folders."""
        return sorted(file.parent for file in cls.folder.glob(f"*/{FILE}"))

    @classmethod
    def params(cls) -> list[Any]:
        """Make the parameters of the tests: each case in each language."""
        return [
            pytest.param(spell, model, case, id=f"{spell.name}-{number}")
            for folder in cls.examples()
            for model, cases in [read_expected(folder, cls.case_type)]
            for number, case in enumerate(cases)
            for spell in _spells(folder)
        ]

    def test_example(
        self,
        contract_provider: FakeProvider,
        tmp_path: Path,
        example_spell: Path,
        example_model: str,
        example_case: ExampleCase,
    ) -> None:
        """The example does what its expectations say.

        If this fails, what the readers of the example are told is not what happens to them.
        """
        contract_provider.reset(example_case.replies, pages=example_case.pages)
        run = ExampleRun(tmp_path, example_spell, example_case, contract_provider, self.command)
        if example_model == "mock":
            run.use_mock()
        self.prepare(run)
        found = list(run.problems())
        if found:
            where = f"{example_spell.parent.name}/{example_spell.name}"
            pytest.fail("\n".join([f"{where} (expected ≠ got):", *found]), pytrace=False)

    def test_every_example_is_in_every_language(self) -> None:
        """Each example is there, and written in all of the languages.

        If this fails, readers of one language are shown less than those of another.
        """
        assert self.examples(), f"there is no {FILE} in a folder of {self.folder}"
        for folder in self.examples():
            found = {spell.suffix for spell in _spells(folder)}
            missing = sorted(set(self.suffixes) - found) if found else ["any language"]
            assert not missing, f"{folder.name} is not written in {', '.join(missing)}"


def _spells(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.stem == folder.name)
