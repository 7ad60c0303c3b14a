"""Results on their way to the store: counted, and bounded, until they are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from duskgate.proxy.shadow.compare import Difference
from duskgate.proxy.shadow.noise import MOST_FIELDS, Field, Judged, Place, Verdict

OTHER = "(other fields)"
"""What stands for the fields of a place that has too many."""


@dataclass(slots=True)
class Tally:
    """What came of the sampled requests of one place; instants in ms.

    ``streak``: how many in a row were equal, up to the last one. ``whole``: none broke the row, so that it
    goes on from the one before.
    """

    first: int
    last: int
    equal: int = 0
    different: int = 0
    failed: int = 0
    undecided: int = 0
    streak: int = 0
    whole: bool = True

    def add(self, verdict: Verdict, now: int) -> None:
        self.last = now
        if verdict is Verdict.EQUAL:
            self.equal += 1
            self.streak += 1
            return
        if verdict is Verdict.UNDECIDED:
            self.undecided += 1
            return
        self.different += verdict is Verdict.DIFFERENT
        self.failed += verdict is Verdict.FAILED
        self.streak, self.whole = 0, False


@dataclass(slots=True)
class Sighting:
    """How often a field differed; ``old`` and ``new`` are the last example, if one is kept."""

    first: int
    last: int
    count: int = 0
    old: str | None = None
    new: str | None = None


@dataclass(slots=True)
class Batch:
    """Everything since the last time."""

    tallies: dict[Place, Tally] = field(default_factory=dict)
    sightings: dict[Place, dict[Field, Sighting]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, place: Place, judged: Judged, now: int) -> None:
        tally = self.tallies.get(place)
        if tally is None:
            tally = self.tallies[place] = Tally(now, now)
        tally.add(judged.verdict, now)
        if judged.differences:
            self._see(place, judged.differences, now)

    def _see(self, place: Place, differences: Iterable[Difference], now: int) -> None:
        seen = self.sightings[place]
        for one in differences:
            key = (one.field, one.kind.value)
            if key not in seen and len(seen) >= MOST_FIELDS:
                key = (OTHER, one.kind.value)
            sighting = seen.setdefault(key, Sighting(now, now))
            sighting.count += 1
            sighting.last = now
            if key[0] != OTHER:
                sighting.old, sighting.new = one.old, one.new
