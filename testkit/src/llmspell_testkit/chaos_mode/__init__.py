"""Chaos for bridges: delays, failures and broken connections at points that a seed decides."""

from llmspell_testkit.chaos_mode.dice import Dice, Fate, Point
from llmspell_testkit.chaos_mode.shake import chaos, dice_of, with_dice

__all__ = ["Dice", "Fate", "Point", "chaos", "dice_of", "with_dice"]
