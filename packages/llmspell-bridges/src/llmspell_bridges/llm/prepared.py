"""A script's request, checked: its form, and the hosts of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.llm.request import arguments
from llmspell_bridges.policy.network import NetPolicy, canonical_host

if TYPE_CHECKING:
    from llmspell_bridges.llm.types import Request
    from llmspell_core import CallContext


async def prepared(request: Request, ctx: CallContext) -> dict[str, Any]:
    """Check a request, and the hosts of its images."""
    hosts: list[tuple[str, int]] = []
    built = arguments(request, lambda host, port: hosts.append((canonical_host(host), port)))
    if hosts:
        policy = NetPolicy(lambda: ctx.session.permissions)

        async def check() -> None:
            for host, port in hosts:
                policy.check_host(host, port, ctx.where)

        await ctx.session.permitted(check, ctx.where)
    return built
