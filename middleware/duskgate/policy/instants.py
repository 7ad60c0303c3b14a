"""How the core writes instants for callers: three notations, all UTC, all from epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999, UTC: what an HTTP date has room for."""


def imf_fixdate(instant: int) -> str:
    """``Sun, 06 Nov 1994 08:49:37 GMT``: the HTTP date of RFC 9110 section 5.6.7. ``instant`` in ms."""
    return formatdate(instant // 1000, usegmt=True)


def structured_date(instant: int) -> str:
    """``@784111777``: the structured-field Date of RFC 9651 section 3.3.7. ``instant`` in ms."""
    return f"@{instant // 1000}"


def rfc3339(instant: int) -> str:
    """``1994-11-06T08:49:37Z``, with milliseconds only where there are any. ``instant`` in ms.

    Before the year 1 and behind 9999 the nearest instant that can be written.
    """
    instant = max(FIRST_MS, min(instant, LAST_MS))
    moment = datetime.fromtimestamp(instant // 1000, UTC).replace(tzinfo=None)
    thousandths = f".{instant % 1000:03d}" if instant % 1000 else ""
    return f"{moment.isoformat(timespec='seconds')}{thousandths}Z"


def instant_of_text(text: str) -> int:
    """An RFC 3339 time with its zone, in ms since the epoch. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} says no time zone")
    instant = round(moment.timestamp() * 1000)
    if not FIRST_MS <= instant <= LAST_MS:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999, UTC")
    return instant
