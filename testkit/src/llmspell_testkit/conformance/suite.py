"""The module that pytest collects in a child process: the chosen contract, as a class of tests."""

from __future__ import annotations

import os

from llmspell_testkit.conformance.subjects import CHOSEN, chosen_here, narrowed

if CHOSEN in os.environ:  # a child process; elsewhere there is nothing to collect
    TestContract = narrowed(chosen_here())
