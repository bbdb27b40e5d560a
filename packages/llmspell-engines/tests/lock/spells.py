"""What real engines are given in these tests: their guests, and spells without bridges."""

from __future__ import annotations

from llmspell_engines.codec import encode

MIB = 1024 * 1024
GUESTS = {
    "lua": "llmspell_engines.lua.guest:LuaGuest",
    "javascript": "llmspell_engines.javascript.guest:JavaScriptGuest",
}
PRINT = {"lua": "print('now')", "javascript": "console.log('now')"}
SPIN = {"lua": "print('on') while true do end", "javascript": "console.log('on'); while (true);"}


def start(source: str) -> bytes:
    """Write the start record of a spell."""
    return encode(
        {
            "name": "spell",
            "source": source,
            "params": {},
            "env": {},
            "seed": 1,
            "clock_ms": 1_700_000_000_000,
            "includes": {},
            "bridges": {},
            "limits": {
                "depth": 64,
                "nodes": 200_000,
                "message_bytes": 16 * MIB,
                "result_bytes": 10 * MIB,
                "calls_in_flight": 64,
            },
        }
    )
