"""The bridge `fs` keeps the contract of bridges, on the real disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.fs import FsBridge
from llmspell_core import Permissions
from llmspell_testkit import BridgeContract, BridgeWorld, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from llmspell_testkit.bridge.lab import Run


class FsContract(BridgeContract):
    """Every method of `fs`, in a folder of its own."""

    bridge = FsBridge
    permissions = Permissions(read=(".",), write=(".",))
    faults = {  # noqa: RUF012 - a setting of the contract
        "no-such-file": Fault(method="read", args={"path": "none.txt"}, kind="filesystem"),
        "no-such-folder": Fault(method="list", args={"path": "none"}, kind="filesystem"),
        "not-text": Fault(method="lines", args={"path": "big.bin"}, kind="filesystem"),
        "outside": Fault(method="read", args={"path": "/etc/passwd"}, kind="permission"),
    }

    @pytest.fixture
    def bridge_world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BridgeWorld:
        """Fill a folder with what the examples name, and be in it."""
        monkeypatch.chdir(tmp_path)

        async def prepare(run: Run) -> None:  # noqa: ARG001 - what the contract calls
            (tmp_path / "research").mkdir(exist_ok=True)
            for name in ("notes.txt", "old.txt", "big.log", "log.txt", "out.txt"):
                (tmp_path / name).write_text("one\ntwo\n", encoding="utf-8")
            (tmp_path / "big.bin").write_bytes(b"\x00\xff" * 8)

        return BridgeWorld(prepare=prepare)
