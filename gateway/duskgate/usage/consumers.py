"""Bounded consumer labels: the busiest unknown callers get one, whatever an attacker sends."""

from __future__ import annotations

OTHER = "other"
MOST_LABELS = 100
BUSY = 10
MOST_WATCHED = 10_000


class ConsumerLabels:
    """Gives an unknown caller its label once it has been seen ``BUSY`` times; until then it is "other".

    At most ``MOST_LABELS`` labels are given in a worker's life. At most ``MOST_WATCHED`` callers are
    remembered while they wait for one; when there are more, those seen least are forgotten.
    """

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._seen: dict[str, int] = {}

    def label(self, caller: str) -> str:
        """The label for one more request of a caller."""
        if caller in self._given:
            return caller
        if len(self._given) >= MOST_LABELS:
            return OTHER
        times = self._seen.get(caller, 0) + 1
        if times >= BUSY:
            self._seen.pop(caller, None)
            self._given.add(caller)
            return caller
        self._seen[caller] = times
        if len(self._seen) > MOST_WATCHED:
            self._seen = {name: seen for name, seen in self._seen.items() if seen > 1}
            if len(self._seen) > MOST_WATCHED // 2:
                self._seen.clear()
        return OTHER
