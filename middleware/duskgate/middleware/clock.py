"""The one place where the time of day is read."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""


def system_clock() -> int:
    """The machine's time of day."""
    return time.time_ns() // 1_000_000


def shifted(clock: Clock, shift: int) -> Clock:
    """A clock ``shift`` ms ahead of another, which goes as fast; with no shift that clock itself."""
    return (lambda: clock() + shift) if shift else clock
