"""Bounds on what one worker counts apart, whatever an attacker sends."""

from __future__ import annotations

from duskgate.usage.ledger.tables import HOUR, Key

OTHER = "other"
UNKNOWN = "~"
"""What the label of a caller begins with who is not known by name."""

NEW_AGENTS = 100
MOST_AGENTS = 1_000
ROWS_OF_A_CONSUMER = 20
"""How many rows there may be in an hour for each unknown consumer that there may be."""

STAYS_HOURS = 24
"""How long a name keeps its place that was seen in more than one hour."""


class Familiar:
    """Gives names out of unboundedly many a place of their own: so many new ones an hour.

    A name that has a place keeps it while it comes back: an hour if it was seen once, a day if in several
    hours. So a flood of made-up names keeps out other new ones while it lasts, and nobody else.
    """

    def __init__(self, new: int, most: int) -> None:
        """``new`` names an hour, ``most`` at a time."""
        self._new, self._most = new, most
        self._left = new
        self._hour = -1
        self._seen: dict[str, tuple[int, int]] = {}

    def has(self, name: str, hour: int) -> bool:
        """Whether a name has a place, in an hour of a count that never goes back far."""
        if hour > self._hour or hour < self._hour - 1:  # a clock was set right
            self._turn(hour)
        place = self._seen.get(name)
        if place is not None:
            if place[1] != hour:
                self._seen[name] = (place[0], hour)
            return True
        if self._left <= 0 or len(self._seen) >= self._most:
            return False
        self._left -= 1
        self._seen[name] = (hour, hour)
        return True

    def _turn(self, hour: int) -> None:
        self._hour, self._left = hour, self._new
        self._seen = {
            name: (first, last)
            for name, (first, last) in self._seen.items()
            if abs(hour - last) <= (1 if first == last else STAYS_HOURS)
        }


class Bounds:
    """Puts what goes beyond the bounds under "other". Totals stay exact; known consumers keep their names."""

    def __init__(self, consumers: int) -> None:
        """``consumers``: how many unknown ones may get their own rows anew in an hour."""
        self._consumers = Familiar(consumers, 10 * consumers)
        self._agents = Familiar(NEW_AGENTS, MOST_AGENTS)
        self._most_rows = consumers * ROWS_OF_A_CONSUMER
        self._rows: set[Key] = set()
        self._start = -1

    def bounded(self, start: int, key: Key) -> Key:
        """The key under which to count, in the hour that begins at ``start``."""
        if start != self._start:
            self._start = start
            self._rows.clear()
        if key in self._rows:
            return key
        hour = start // HOUR
        unknown = key.consumer.startswith(UNKNOWN)
        if unknown and not self._consumers.has(key.consumer, hour):
            key = key._replace(consumer=OTHER)
        if not self._agents.has(key.agent, hour):
            key = key._replace(agent=OTHER)
        if key in self._rows:
            return key
        if len(self._rows) >= self._most_rows:
            return key._replace(agent=OTHER, consumer=OTHER if unknown else key.consumer)
        self._rows.add(key)
        return key
