"""The description of what every spell has without a bridge."""

from __future__ import annotations

from llmspell_bridges.builtin import BUILTINS, find


def test_a_name_finds_its_entry_and_a_group_all_of_its_own() -> None:
    """`llmspell info util` and `llmspell info util.uuid` both have something to show."""
    assert [entry.name for entry in find("util.uuid")] == ["util.uuid"]
    assert {entry.name for entry in find("console")} == {
        f"console.{level}" for level in ("log", "info", "warn", "error", "debug", "write")
    }
    assert find("utl") == ()


def test_every_entry_is_whole_and_named_once() -> None:
    """A signature starts with its name, an example uses it, a description is a sentence."""
    names = [entry.name for entry in BUILTINS]
    assert len(names) == len(set(names))
    for entry in BUILTINS:
        assert entry.signature.startswith(entry.name.split(".")[0])
        assert entry.name.split(".")[0] in entry.example
        assert entry.description.endswith(".")
