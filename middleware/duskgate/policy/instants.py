"""How the core writes instants for callers: three notations, all UTC, all from epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

_MAX_MS = 253402300799999  # the end of year 9999, the last instant datetime can name


def imf_fixdate(instant: int) -> str:
    """``Sun, 06 Nov 1994 08:49:37 GMT``: the HTTP date of RFC 9110 section 5.6.7. ``instant`` in ms."""
    return formatdate(instant // 1000, usegmt=True)


def structured_date(instant: int) -> str:
    """``@784111777``: the structured-field Date of RFC 9651 section 3.3.7. ``instant`` in ms."""
    return f"@{instant // 1000}"


def rfc3339(instant: int) -> str:
    """``1994-11-06T08:49:37Z``, with milliseconds only where there are any. ``instant`` in ms."""
    moment = datetime.fromtimestamp(min(instant, _MAX_MS) // 1000, UTC)
    thousandths = f".{instant % 1000:03d}" if instant % 1000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{thousandths}Z"


def instant_of_text(text: str) -> int:
    """An RFC 3339 time with its zone, in ms since the epoch. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} says no time zone")
    return round(moment.timestamp() * 1000)
