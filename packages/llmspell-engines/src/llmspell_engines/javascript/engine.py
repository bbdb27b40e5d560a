"""The JavaScript engine, as the host sees it."""

from __future__ import annotations

from llmspell_core.engine import EngineInfo
from llmspell_engines.host.capabilities import COMMON, COMMON_TRAITS
from llmspell_engines.host.engine import WorkerEngine


class JavaScriptEngine(WorkerEngine):
    """Runs JavaScript on V8. 1 and 1.0 are one number there: it lacks ``float_identity``."""

    info = EngineInfo(
        name="javascript",
        language="JavaScript",
        version="V8 14.4",
        suffixes=(".js", ".mjs"),
        capabilities=COMMON,
        traits=COMMON_TRAITS | {"bytes"},
    )
    guest = "llmspell_engines.javascript.guest:JavaScriptGuest"
