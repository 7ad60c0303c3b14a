"""Counting requests in memory: all that a request pays for the ledger."""

from __future__ import annotations

from duskgate.middleware.clock import Clock
from duskgate.usage.ledger.agents import Agents
from duskgate.usage.ledger.bounds import Bounds
from duskgate.usage.ledger.buffer import Buffer
from duskgate.usage.ledger.tables import HOUR, Key

Place = tuple[str, str, str, str]
"""api, endpoint, version, phase"""

_Counted = tuple[Place, str, int, str, str]

_CODES = {status: f"{status // 100}xx" for status in range(100, 600)}
NO_CODE = "none"


class Tally:
    """Counts until ``fold``, one hour at a time. For one thread, the event loop's."""

    def __init__(self, buffer: Buffer, bounds: Bounds, clock: Clock) -> None:
        self._buffer = buffer
        self._bounds = bounds
        self._clock = clock
        self._agents = Agents()
        self._counts: dict[_Counted, list[int]] = {}
        self._start = self._end = 0

    def add(self, place: Place, outcome: str, status: int, consumer: str, agent: bytes | None) -> None:
        """Count one request. ``consumer`` is a label; ``agent`` is the User-Agent as sent."""
        now = self._clock()
        if not self._start <= now < self._end:
            self.fold()
            self._start = now - now % HOUR
            self._end = self._start + HOUR
        counted = (place, outcome, status, consumer, self._agents.product(agent))
        use = self._counts.get(counted)
        if use is None:
            self._counts[counted] = [1, now, now]
        else:
            use[0] += 1
            use[1], use[2] = min(use[1], now), max(use[2], now)

    def fold(self) -> None:
        """Hand what was counted to the buffer."""
        for (place, outcome, status, consumer, agent), (count, first, last) in self._counts.items():
            code = _CODES.get(status, NO_CODE)
            key = Key(place[0], place[1], place[2], consumer, outcome, code, agent)
            key = self._bounds.bounded(self._start, key)
            self._buffer.add(self._start, key, count, first, last)
        self._counts.clear()
