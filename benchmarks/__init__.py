"""How close each path of llmspell is to the libraries underneath: `python -m benchmarks`."""
