"""The contracts that these bridges keep: for their tests, and for `llmspell conformance`.

As any distribution's contracts, they need llmspell-testkit; nothing else here imports them.
"""
