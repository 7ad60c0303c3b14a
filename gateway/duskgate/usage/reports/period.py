"""The days that a report is about: whole ones in UTC, and what has come of today."""

from __future__ import annotations

from typing import NamedTuple

DAY = 86_400_000
"""In ms."""


class Period(NamedTuple):
    """From ``since`` (ms), where a day begins, until ``now``."""

    since: int
    now: int

    @property
    def today(self) -> int:
        """When the day began that is not over."""
        return self.now - self.now % DAY

    @property
    def days(self) -> int:
        """How many whole days there are."""
        return (self.today - self.since) // DAY

    @property
    def before(self) -> int:
        """When the period as long before it begins."""
        return self.since - self.days * DAY

    def whole_days(self, start: int, end: int, begins: int | None) -> range:
        """Where days begin that lie in a span and are wholly on record, which begins at ``begins``."""
        first = start if begins is None else max(start, begins + -begins % DAY)
        return range(first, end, DAY) if begins is not None else range(0)


def last_days(now: int, days: int) -> Period:
    """So many whole days before today, and today."""
    return Period(now - now % DAY - days * DAY, now)


def from_instant(since: int, now: int) -> Period:
    """From the day on in which ``since`` lies."""
    return Period(since - since % DAY, now)
