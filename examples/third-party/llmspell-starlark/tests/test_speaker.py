"""The contracts of bridges ask Starlark too, once it is installed: here, that of a bridge of our own."""

from typing import Any

from llmspell_core import Bridge, method
from llmspell_testkit import BridgeContract


class Parcels(Bridge):
    """Takes and gives every kind of value that Starlark has."""

    name = "parcels"

    @method(example={"what": [None, True, 2**53, 1.0, 0.5, "ü\n", {"a": [[], {}]}]})
    async def echo(self, what: Any, *, times: int = 1) -> list[Any]:
        """Give something back."""
        return [what] * max(0, min(times, 9))

    @method(example={"to": "Ada", "weight": 2.0})
    async def send(self, to: str, *, weight: float, fragile: bool = False) -> dict[str, Any]:
        """Send a parcel."""
        return {"to": to, "weight": weight, "fragile": fragile, "inside": None}

    @method(example={})
    async def count(self) -> int:
        """Count them."""
        return 2**63 - 1


class TestParcels(BridgeContract):
    """Nothing is excused, and nothing is declined."""

    bridge = Parcels


def test_starlark_is_asked() -> None:
    """Every method of the bridge is called from a spell in Starlark."""
    trials = {trial.id for trial in TestParcels.trials("type_safety")}
    members = {f"{member.id}.same-in-starlark" for member in TestParcels.members()}
    assert {*members, "spoken-starlark"} <= trials
