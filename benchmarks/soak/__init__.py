"""Thousands of spells of mixed fate in one host, which must come out of it as it went in."""
