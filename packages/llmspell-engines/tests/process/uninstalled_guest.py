"""A guest whose library is not installed."""

text = "Toy needs toylib: pip install 'llmspell-engines[toy]'"
raise ImportError(text)
