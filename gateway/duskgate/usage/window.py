"""What two versions did over a window of time, from counts that only grow, looked at again and again."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from duskgate.usage.instruments import FINE_BUCKETS

LOOKS = 10
"""Into how many parts a window is divided at the least."""

LONGEST_PART = 10_000
"""Ms of the longest part, so that a long window makes nobody slow to react."""


def part_of(window: int) -> int:
    """How long (ms) a part of a window is: the time between two looks at the counts."""
    return min(window // LOOKS, LONGEST_PART)


class Counts(NamedTuple):
    """Requests that reached a version's backend: how many of them failed, and how many took how long.

    ``times`` has a count for each of ``FINE_BUCKETS``, and one for the rest.
    """

    errors: int = 0
    times: tuple[int, ...] = (0,) * (len(FINE_BUCKETS) + 1)

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.times)

    @property
    def error_rate(self) -> float:
        """The part of them that failed, 0 to 1."""
        requests = self.requests
        return self.errors / requests if requests else 0.0

    def since(self, earlier: Counts) -> Counts:
        """What was counted in between. Raises ValueError if something was taken back."""
        errors = self.errors - earlier.errors
        times = tuple(now - then for now, then in zip(self.times, earlier.times, strict=True))
        if errors < 0 or min(times) < 0:
            raise ValueError("a counter went backwards")
        return Counts(errors, times)

    def p99(self) -> float:
        """The time (s) that one request in a hundred took longer than, as seen from above.

        Between a bucket's bounds by interpolation; 5 ms at the least, and a minute at the most.
        """
        return quantile(self.times, 0.99)

    def slower(self, bound: float) -> float:
        """How many took longer than ``bound`` (s), by the same reckoning."""
        at = bisect_left(FINE_BUCKETS, bound)
        if at >= len(FINE_BUCKETS):
            return 0.0
        lower = FINE_BUCKETS[at - 1] if at else 0.0
        within = (FINE_BUCKETS[at] - bound) / (FINE_BUCKETS[at] - lower)
        return sum(self.times[at + 1 :]) + self.times[at] * within


def quantile(times: Sequence[int], part: float) -> float:
    """The time (s) that so much (0 to 1) of the requests took at the most; 0 if there are none."""
    wanted, counted = part * sum(times), 0
    if not wanted:
        return 0.0
    for index, upper in enumerate(FINE_BUCKETS):
        number = times[index]
        if counted + number >= wanted:
            lower = FINE_BUCKETS[index - 1] if index else upper
            return lower + (upper - lower) * (wanted - counted) / number
        counted += number
    return FINE_BUCKETS[-1]


class Sides(NamedTuple):
    """The version that callers are moved to, and the one they come from."""

    new: Counts
    old: Counts

    def since(self, earlier: Sides) -> Sides:
        """What was counted in between. Raises ValueError if something was taken back."""
        return Sides(self.new.since(earlier.new), self.old.since(earlier.old))


class Window:
    """The counts of one window, in parts. Bounded: ``window // part_of(window)`` looks, and a few."""

    def __init__(self, window: int) -> None:
        """``window`` in ms."""
        self._window = window
        self._part = part_of(window)
        self._looks: deque[tuple[int, Sides]] = deque()

    def due(self, now: int) -> bool:
        """Whether it is time for another look, at an instant (ms) of a clock that is never set."""
        return not self._looks or now - self._looks[-1][0] >= self._part

    def add(self, now: int, counted: Sides) -> None:
        """Look at the counts. Those that went backwards begin anew: the files they stood in were lost."""
        looks = self._looks
        if looks and _went_back(looks[-1][1], counted):
            looks.clear()
        looks.append((now, counted))
        while len(looks) > 2 and looks[1][0] <= now - self._window:
            looks.popleft()

    def whole(self) -> Sides | None:
        """What happened in the window; ``None`` before the second look. In a new one: since its first."""
        return self._looks[-1][1].since(self._looks[0][1]) if len(self._looks) > 1 else None

    def latest(self) -> Sides | None:
        """The same since the look before the last."""
        return self._looks[-1][1].since(self._looks[-2][1]) if len(self._looks) > 1 else None


def _went_back(earlier: Sides, later: Sides) -> bool:
    try:
        later.since(earlier)
    except ValueError:
        return True
    return False
