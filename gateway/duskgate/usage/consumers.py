"""Bounded consumer labels: the busiest unknown callers get one, whatever an attacker sends."""

from __future__ import annotations

from duskgate.usage.shared_names import SharedNames

OTHER = "other"
MOST_LABELS = 100
BUSY = 10
MOST_WATCHED = 10_000

GROUP = "consumer"


class ConsumerLabels:
    """Gives an unknown caller its label once it has been seen ``BUSY`` times; until then it is "other".

    At most ``MOST_LABELS`` labels are given while the gateway runs, by all its workers together. At most
    ``MOST_WATCHED`` callers are remembered while they wait for one; when there are more, those seen least
    are forgotten.
    """

    def __init__(self, names: SharedNames) -> None:
        self._names = names
        self._given = names.known(GROUP)
        self._seen: dict[str, int] = {}

    def label(self, caller: str) -> str:
        """The label for one more request of a caller."""
        if caller in self._given:
            return caller
        if len(self._given) >= MOST_LABELS:
            return OTHER
        times = self._seen.get(caller, 0) + 1
        if times < BUSY:
            self._watch(caller, times)
            return OTHER
        self._seen.pop(caller, None)
        return caller if self._names.take(GROUP, caller, MOST_LABELS) else OTHER

    def _watch(self, caller: str, times: int) -> None:
        self._seen[caller] = times
        if len(self._seen) > MOST_WATCHED:
            self._seen = {name: seen for name, seen in self._seen.items() if seen > 1}
            if len(self._seen) > MOST_WATCHED // 2:
                self._seen.clear()
