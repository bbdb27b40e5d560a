"""Run the command line as ``python -m llmspell_cli``."""

from __future__ import annotations

from llmspell_cli.main import main

main()
