"""Every limit can be raised where its error says."""

from __future__ import annotations

import pytest

from llmspell_cli.config.keys import KEYS
from llmspell_cli.options import spell_options
from llmspell_core import Limits
from llmspell_core.limits import OPTIONS, limit_error, show_bytes

_LIMIT_KEYS = {key.name: key for key in KEYS if key.section == "limits"}
_OFFERED = {name: option for option in spell_options() for name in option.opts}


def _shown(name: str) -> str:
    value = getattr(Limits(), name)
    if name.endswith("_bytes"):
        return show_bytes(value)
    return f"{value:g} s" if name.endswith("_s") else str(value)


@pytest.mark.parametrize("field", Limits.__struct_fields__)
def test_every_limit_has_an_option_that_tells_its_default(field: str) -> None:
    """The option is offered, and its help shows the default of the field it sets."""
    option = _OFFERED[f"--{_LIMIT_KEYS[field].option}"]
    assert f"[default: {_shown(field)}]" in (getattr(option, "help", None) or "")


@pytest.mark.parametrize("limit", OPTIONS)
def test_an_error_names_an_option_that_is_offered(limit: str) -> None:
    """The option that an error names can be given, and what it names beside it is a setting."""
    error = limit_error(limit, 1)
    assert error.option in _OFFERED
    _, _, setting = error.message.rpartition(" (limits.")
    assert _LIMIT_KEYS[setting.removesuffix(")")].option == error.option.removeprefix("--")
