"""What the host configures of the bridge `http`. No script reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.policy.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 1024 * 1024

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of the specification's SecurityConfig; times in seconds.

    `request_bytes` holds for address, headers and body together, `response_bytes` for a body as
    it is after decompression, `timeout_s` for a request and its redirects, `concurrent` for the
    requests one run has open. A script can ask for less, and for a stream for up to
    `stream_bytes` and `stream_timeout_s`. `require_tls` excepts loopback.
    """

    request_bytes: Positive = MIB
    response_bytes: Annotated[int, msgspec.Meta(ge=1, le=14 * MIB)] = 10 * MIB
    timeout_s: Seconds = 30.0
    concurrent: Positive = 10
    stream_bytes: Positive = 1024 * MIB
    stream_timeout_s: Seconds = 300.0
    require_tls: bool = True

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> HttpSettings:
        """Check and take the host's settings.

        Raises:
            ConfigurationError: it names the key that is wrong.
        """
        return read_settings(data, cls, "http")
