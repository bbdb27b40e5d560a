"""Lua and JavaScript engines for llmspell, each spell in a worker process of its own."""
