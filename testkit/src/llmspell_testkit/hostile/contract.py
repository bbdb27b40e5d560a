"""`HostileContract`: the hostile corpus as tests that a subclass inherits.

The whole of a third party's test file::

    from llmspell_testkit import HostileContract

    class TestMyEngine(HostileContract):
        engine = "my"  # the name of its entry point
        cases = Path(__file__).with_name("hostile")  # a folder of TOML files
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from llmspell_testkit.hostile.loader import load_corpus, packaged
from llmspell_testkit.hostile.runner import run_case
from llmspell_testkit.rules import rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Executor, Future

    from llmspell_core.engine import Isolation
    from llmspell_testkit.hostile.case import Corpus
    from llmspell_testkit.hostile.runner import Ran

    Runs = dict[str, Future[Ran]]

SETTINGS = frozenset({"engine", "cases", "isolation", "require_lock", "known_failures", "jobs"})
"""What a subclass of `HostileContract` may set; everything else is the contract's own."""


class HostileContract:
    """Subclass it, name the engine, and run pytest: each case is a test.

    `engine` is the name of an installed engine, or ``module:Class``. `cases` is a folder of case
    files with a ``good.toml``; without it the shipped corpus of that engine's name is run.
    `isolation` is the level it must hold at; with `require_lock` that level has to be in force, without
    it what the machine offers. `known_failures` maps a case id to the reason why it
    fails today, strictly: an id that no case has fails, and so does a case that passes. `jobs` host
    processes run at once.
    """

    engine: ClassVar[str]
    cases: ClassVar[str | Path | None] = None
    isolation: ClassVar[Isolation] = "locked"
    require_lock: ClassVar[bool] = False
    known_failures: ClassVar[Mapping[str, str]] = {}
    jobs: ClassVar[int] = 2

    def __init_subclass__(cls) -> None:
        """Refuse a subclass that replaces a part of the contract.

        Raises:
            TypeError: it names the part, and what to do instead.
        """
        super().__init_subclass__()
        for name in vars(cls):
            if name in vars(HostileContract) and name not in SETTINGS and name[:2] != "__":
                text = (
                    f"{cls.__name__}.{name} overrides a part of the contract; "
                    "declare what fails in `known_failures`, with the reason"
                )
                raise TypeError(text)

    @classmethod
    def corpus(cls) -> Corpus:
        """Return the cases this engine is held to."""
        folder = packaged(cls.engine) if cls.cases is None else Path(cls.cases)
        return load_corpus(folder)

    @classmethod
    def start(cls, pool: Executor, names: Iterable[str]) -> Runs:
        """Start the cases of these names, as many at once as the pool has places."""
        corpus = cls.corpus()
        work = partial(
            run_case,
            good=corpus.good,
            engine=cls.engine,
            isolation=cls.isolation,
            require_lock=cls.require_lock,
        )
        return {name: pool.submit(work, corpus.cases[name]) for name in names}

    @rule("sandbox#hostile-scripts")
    def test_case(self, hostile_runs: Runs, hostile_case: str) -> None:
        """The attempt ends as the case allows, and leaves nothing.

        If this fails, the script got out, outlived a limit, or harmed its host: the report says which.
        """
        failure = hostile_runs[hostile_case].result().failure
        reason = self.known_failures.get(hostile_case)
        if reason is not None and failure is None:
            text = f"case `{hostile_case}` is in known_failures, and passes: remove it ({reason})"
            pytest.fail(text, pytrace=False)
        if reason is not None:
            pytest.xfail(reason)
        if failure is not None:
            pytest.fail(failure, pytrace=False)

    @rule("README#known-failures")
    def test_known_failures_are_cases(self) -> None:
        """Every known failure is a case. If this fails, remove it."""
        unknown = sorted(set(self.known_failures) - set(self.corpus().cases))
        assert not unknown, f"known_failures names no case: {', '.join(unknown)}"
