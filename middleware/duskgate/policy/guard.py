"""Guards of rollouts: what a version that callers are moved to must not do, and what happens if it does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Action(str, Enum):
    """What a guard does when it trips."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    ALERT = "alert"

    __str__ = str.__str__


@dataclass(frozen=True, slots=True)
class Guard:
    """Compares the version that callers are moved to with the one they come from, over ``window`` ms.

    ``max_error_delta`` (0 to 1) is how much larger its part of failed answers may be, and ``max_p99_ratio``
    how many times as slow its slowest hundredth. Without ``min_requests`` to each of the two nothing is said.
    """

    window: int
    min_requests: int
    max_error_delta: float | None
    max_p99_ratio: float | None
    action: Action


class Stop(NamedTuple):
    """A rollout that was stopped, by its guard or an operator: since when (ms), by whom and why.

    ``ROLLBACK``: nobody is moved. ``PAUSE``: no step of its schedule is taken any more. ``ALERT``: as before,
    but somebody should look.
    """

    action: Action
    since: int
    by: str
    reason: str
