"""The dictionary keeps the contract of bridges."""

from llmspell_dictionary.contract import DictionaryContract


class TestDictionary(DictionaryContract):
    """Nothing is excused: there are no `known_failures`."""
