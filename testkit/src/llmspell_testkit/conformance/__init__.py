"""`llmspell conformance`: the contracts, run against everything that is installed."""
