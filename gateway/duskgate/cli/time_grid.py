"""The vertical lines of a drawn timeline: as fine as there is room for, at round dates (UTC)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

MOST_LINES = 16

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = 4 * 86_400_000
"""The first one after the epoch, in ms."""

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_SPANS = (_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY)
_MONTHS = (1, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))

Line = tuple[int, str]
"""The instant (ms) and its label."""


def grid(start: int, end: int) -> list[Line]:
    """The lines after ``start`` and before ``end`` (ms), months or years where two of them fit in."""
    months = _finest([_calendar(start, end, step) for step in _MONTHS])
    return months if len(months) > 1 else _finest([_even(start, end, step) for step in _SPANS])


def _finest(steps: list[Iterator[Line]]) -> list[Line]:
    for lines in steps:
        found = list(islice(lines, MOST_LINES + 1))
        if len(found) <= MOST_LINES:
            return found
    return []


def _even(start: int, end: int, step: int) -> Iterator[Line]:
    base = _MONDAY if step > _DAY else 0
    form = "%m-%d" if step >= _DAY else "%m-%d %H:%M" if step >= 12 * _HOUR else "%H:%M"
    for at in range(start + step - (start - base) % step, end, step):
        yield at, f"{_EPOCH + timedelta(milliseconds=at):{form}}"


def _calendar(start: int, end: int, step: int) -> Iterator[Line]:
    first = _EPOCH + timedelta(milliseconds=start)
    month = first.year * 12 + first.month - 1
    month += step - month % step
    while month < 120_000:
        year, number = divmod(month, 12)
        at = (datetime(year, number + 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
        if at >= end:
            return
        yield at, f"{year:04d}-{number + 1:02d}" if step < 12 else f"{year:04d}"
        month += step
