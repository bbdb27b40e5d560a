"""The module that pytest collects in a child process: the chosen contract, as a class of tests."""

from __future__ import annotations

from llmspell_testkit.conformance.subjects import chosen_here, narrowed

TestContract = narrowed(chosen_here())
