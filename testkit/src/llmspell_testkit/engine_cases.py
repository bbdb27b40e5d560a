"""Which cases an engine is held to: by what it claims, and by what its language has."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llmspell_core.engine import EngineConfig, ScriptEngine
from llmspell_testkit.loader import load_cases, with_sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from llmspell_testkit.case import Case


class EngineCases:
    """The cases of an `EngineContract`, whose settings say which engine it is about."""

    engine: ClassVar[type[ScriptEngine]]
    configs: ClassVar[Sequence[EngineConfig]] = (EngineConfig(),)
    sources: ClassVar[Path | None] = None
    case_files: ClassVar[Sequence[Path]] = ()
    version: ClassVar[str | None] = None
    _read: ClassVar[dict[str, Case]]

    @classmethod
    def cases(cls) -> dict[str, Case]:
        """Return the cases this engine is held to, by id, its own sources added."""
        return {
            name: case
            for name, case in cls._all().items()
            if case.declines is None and case.lacks is None
        }

    @classmethod
    def refusals(cls, config: EngineConfig) -> dict[str, Case]:
        """Return the cases of what the engine, so configured, declines and must refuse, by id."""
        claimed = cls.engine(config).capabilities
        return {
            name: case
            for name, case in cls._all().items()
            if case.declines is not None and case.declines not in claimed
        }

    @classmethod
    def absences(cls) -> dict[str, Case]:
        """Return the cases of what the engine's language lacks, as the engine says, by id."""
        stated = cls.engine.info.traits
        return {
            name: case
            for name, case in cls._all().items()
            if case.lacks is not None and case.lacks not in stated
        }

    @classmethod
    def is_own(cls, case: Case) -> bool:
        """Say whether a case came with `case_files`: it belongs to the suite of the language."""
        return case.id not in load_cases(version=cls.version)

    @classmethod
    def _all(cls) -> dict[str, Case]:
        if "_read" not in vars(cls):
            cases = load_cases(version=cls.version) | load_cases(cls.case_files)
            if cls.sources is not None:
                cases = with_sources(cases, cls.sources, cls.engine.info.name)
            cls._read = cases
        return cls._read

    @classmethod
    def declined(cls, case: Case, config: EngineConfig) -> list[str]:
        """List what a case needs that the engine, so configured, has not."""
        return cls.declines(case.needs, config)

    @classmethod
    def declines(cls, needs: Iterable[str], config: EngineConfig) -> list[str]:
        """List those of `needs`, capabilities and traits, that the engine, so configured, has not."""
        return sorted(set(needs) - cls.engine(config).nouns)
