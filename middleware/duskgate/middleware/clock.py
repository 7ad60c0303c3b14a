"""The one place where the time of day is read."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""


def system_clock() -> int:
    """The machine's time of day."""
    return time.time_ns() // 1_000_000
