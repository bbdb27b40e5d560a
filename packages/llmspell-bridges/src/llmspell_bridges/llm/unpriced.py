"""litellm prices every answer for its log; where nobody reads that, it need not.

The bridge prices a call itself, by what the host has stated or by litellm's table (`cost.py`), and
reads nothing of what litellm found. That took a twelfth of the processor time of a call.
"""

from __future__ import annotations

from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CONTEXT = "litellm._internal_context"
"""Where litellm marks, for a task and what it starts, calls that listeners are not told of."""
_LOGGING = "litellm.litellm_core_utils.litellm_logging"


def leave_unheard_unpriced() -> None:
    """Have litellm price no answer of a call that it tells nobody of; the host's own calls as ever."""
    try:
        log: Any = import_module(_LOGGING).Logging
        internal: Any = import_module(CONTEXT).is_internal_call
    except (ModuleNotFoundError, AttributeError):  # another version of litellm: it is slower then
        return
    price = vars(log).get("response_cost_calculator")
    if price is not None:
        log.response_cost_calculator = _unless_internal(price, internal.get)


def _unless_internal(
    price: Callable[..., float | None], is_internal: Callable[[], bool]
) -> Callable[..., float | None]:
    @wraps(price)
    def priced(*args: Any, **named: Any) -> float | None:
        return None if is_internal() else price(*args, **named)

    return priced
