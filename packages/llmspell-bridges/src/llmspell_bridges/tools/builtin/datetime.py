"""The tool `datetime`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import ToolError

if TYPE_CHECKING:
    from llmspell_core import CallContext

_UNITS = ("weeks", "days", "hours", "minutes", "seconds")
_MONTHS = 12


class DateTime(Tool):
    """Tells the time, and calculates with dates."""

    name = "datetime"
    description = (
        "Tell the date and time now, or of a given moment, in a time zone; add to it; count the "
        "time until another moment."
    )
    parameters = takes(
        {
            "timezone": {
                "type": "string",
                "maxLength": 100,
                "description": "Such as Europe/Paris, or +02:00; UTC if left out",
            },
            "at": {
                "type": "string",
                "maxLength": 100,
                "description": "A moment as ISO 8601, such as 2026-01-31 or 2026-01-31T10:00; now if left out",
            },
            "add": {
                "type": "object",
                "properties": {
                    unit: {"type": "integer", "minimum": -1_000_000_000, "maximum": 1_000_000_000}
                    for unit in ("years", "months", *_UNITS)
                },
                "additionalProperties": False,
                "description": "What to add; negative numbers go back",
            },
            "until": {
                "type": "string",
                "maxLength": 100,
                "description": "Another moment: days_until and seconds_until tell how far it is",
            },
        }
    )

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:  # noqa: ARG002 - it needs nothing of the run
        """Tell it: a moment without a zone is in `timezone`."""
        zone = _zone(arguments.get("timezone", "UTC"))
        at = arguments.get("at")
        moment = datetime.now(UTC) if at is None else _parsed(at, zone, "at")
        try:
            moment = _added(moment.astimezone(zone), arguments.get("add", {}))
        except (OverflowError, ValueError):
            raise ToolError("that is out of the calendar, which goes from year 1 to 9999") from None
        answer = {
            "iso": moment.isoformat(timespec="seconds"),
            "date": moment.date().isoformat(),
            "time": moment.strftime("%H:%M:%S"),
            "weekday": moment.strftime("%A"),
            "week": moment.isocalendar().week,
            "unix_s": int(moment.timestamp()),
        }
        if "until" in arguments:
            left = _parsed(arguments["until"], zone, "until") - moment
            answer["seconds_until"] = int(left.total_seconds())
            answer["days_until"] = round(left / timedelta(days=1), 6)
        return answer


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    try:
        if name[:1] in "+-":
            offset = datetime.strptime(name, "%z").utcoffset()
            return timezone(offset or timedelta())
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"unknown time zone `{name}`: give one such as Europe/Paris, or +02:00"
        raise ToolError(text) from None


def _parsed(text: str, zone: tzinfo, argument: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        what = "no ISO 8601 moment, such as 2026-01-31 or 2026-01-31T10:00"
        raise ToolError(f"`{argument}` is `{text}`: {what}") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _added(moment: datetime, add: dict[str, int]) -> datetime:
    """Add months by the calendar, the 31st becoming a month's last day; hours by the clock."""
    months = moment.month - 1 + add.get("months", 0) + _MONTHS * add.get("years", 0)
    year, month = moment.year + months // _MONTHS, months % _MONTHS + 1
    by_calendar = moment.replace(year=year, month=month, day=1)
    last = _last_day(year, month)
    by_calendar = by_calendar.replace(day=min(moment.day, last))
    by_calendar += timedelta(weeks=add.get("weeks", 0), days=add.get("days", 0))
    by_clock = timedelta(**{unit: add.get(unit, 0) for unit in _UNITS[2:]})
    return (by_calendar.astimezone(UTC) + by_clock).astimezone(moment.tzinfo)


def _last_day(year: int, month: int) -> int:
    from calendar import monthrange

    return monthrange(year, month)[1]
