"""The tools that come with llmspell-bridges; each is imported when it is first asked for."""
