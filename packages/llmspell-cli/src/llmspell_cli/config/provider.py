"""A provider as it is configured."""

from __future__ import annotations

from typing import Any

import msgspec

from llmspell_core.secret import Secret


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider; None is the bridge's own default. `timeout_s` is seconds without an answer."""

    base_url: str | None = None
    api_key: Secret | None = None
    timeout_s: float | None = None
    max_retries: int | None = None

    def settings(self) -> dict[str, Any]:
        """Give what is set, as the bridge takes it."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in fields.items() if value is not None}
