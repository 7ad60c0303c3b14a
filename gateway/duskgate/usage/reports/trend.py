"""Where daily counts are heading: a mean against the one before, and a line to zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

FEWEST_DAYS = 7
"""A line through less than a week would mostly show which weekdays they were."""

FURTHEST_DAYS = 3650
"""What lies further ahead than this is no projection any more."""


class Trend(NamedTuple):
    """Calls a day, now and in the period before. ``None``: no whole day of it is on record."""

    now: float | None
    before: float | None


def mean(counts: Sequence[int]) -> float | None:
    """``None`` of nothing."""
    return sum(counts) / len(counts) if counts else None


def days_to_zero(counts: Sequence[int]) -> float | None:
    """When the straight line that fits daily counts best (least squares) meets zero.

    In days from the end of the last of them; 0 if it is there already. ``None`` where nothing falls: fewer
    than ``FEWEST_DAYS`` days, no call at all, a line that is level or rises, or one that takes longer than
    ``FURTHEST_DAYS``.
    """
    days = len(counts)
    if days < FEWEST_DAYS or not any(counts):
        return None
    # in whole numbers, so that a level line is level: the middle of day i lies at 2i + 1 - days half days
    offsets = range(1 - days, days, 2)
    slope = sum(offset * count for offset, count in zip(offsets, counts, strict=True))
    if slope >= 0:
        return None
    square = sum(offset * offset for offset in offsets)
    ahead = (-sum(counts) * square / (days * slope) - days) / 2
    return max(ahead, 0.0) if ahead <= FURTHEST_DAYS else None
