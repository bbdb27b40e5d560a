"""``[workflow]``: where workflows keep their checkpoints.

::

    [workflow]
    checkpoints = "state/checkpoints.sqlite"   # or { env = "CHECKPOINTS_URL" }: a Postgres database
    keep = 100                                 # how many runs are kept
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_cli.config.resolved import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.reader import Reader

Path = tuple[str, ...]
PLACE = ("workflow", "checkpoints")


def meaning(reader: Reader, path: Path, value: Any) -> Any:
    """Turn what a file says into what it means here.

    Raises:
        ConfigurationError: a URL that holds a password stands in the file.
    """
    if path != PLACE:
        return value
    if not isinstance(value, str):
        return reader.checked_key(path, value)
    if "://" not in value:
        return reader.beside(value)
    if "@" in value and ":" in value.partition("://")[2].rpartition("@")[0]:
        what = "`workflow.checkpoints` holds a password: say where the URL is"
        raise reader.error(f'{what}, such as {{ env = "CHECKPOINTS_URL" }}', path)
    return value


def workflow(settings: dict[Path, Setting], environ: Mapping[str, str]) -> dict[str, Any]:
    """Gather the settings of the bridge; a secret among them is not read yet."""
    from llmspell_cli.config.secret import secret

    place = settings.get(PLACE)
    if place is not None and not isinstance(place.value, str):
        made = secret(place.value, PLACE, place.source, environ)
        settings[PLACE] = Setting(made, place.source)
    return {path[1]: it.value for path, it in settings.items() if path[0] == PLACE[0]}
