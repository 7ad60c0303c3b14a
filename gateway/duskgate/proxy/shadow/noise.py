"""Telling the new version's differences from the old one's own: times, ids, and what else never stays.

When two versions' answers differ, the old version is asked a second time. What differs between its own two
answers explains the same difference between the versions. The second answer is the later one, so whatever
changed with time has changed in it too. What was explained, or was not, is counted for each field. Fields
that were judged often enough are not asked about again, but for one time in some, should they have changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from duskgate.proxy.shadow.compare import STATUS, Difference, Kind

RECHECKED = 0.05
"""How often what is known is asked about all the same."""
MOST_FIELDS = 200
"""Fields that are remembered for one place."""
HALVED_AT = 64
"""Suspicions after which both counts are halved, so that what is new counts."""

NOISE_SEEN, NOISE_SHARE = 3, 0.3
"""Noise that comes and goes explains at least half of its differences; a real difference next to none."""
REAL_SEEN, REAL_SHARE = 20, 0.05

Place = tuple[str, str, str, str]
"""api, version, the shadow's version, endpoint"""
Field = tuple[str, str]
"""A field path and the kind of its difference."""


class Standing(Enum):
    """What is known of a field's differences."""

    OPEN = "open"
    NOISE = "noise"
    REAL = "real"


class Count(NamedTuple):
    """How often a field differed between the versions when the old one was asked twice, and how often it
    differed in the same way between its own answers."""

    suspected: int = 0
    explained: int = 0

    @property
    def standing(self) -> Standing:
        if self.explained >= NOISE_SEEN and self.explained >= NOISE_SHARE * self.suspected:
            return Standing.NOISE
        if self.suspected >= REAL_SEEN and self.explained <= REAL_SHARE * self.suspected:
            return Standing.REAL
        return Standing.OPEN

    def plus(self, other: Count) -> Count:
        total = Count(self.suspected + other.suspected, self.explained + other.explained)
        while total.suspected > HALVED_AT:
            total = Count(total.suspected // 2, total.explained // 2)
        return total


NONE = Count()

_PRESENCE = frozenset((Kind.MISSING, Kind.ADDED))


def explains(own: Difference, one: Difference) -> bool:
    """Whether a difference of the old version's from itself explains one between the versions.

    In the same field only the same kind does. Items that come and go in a list shift the others, so they
    explain whatever differs in the items.
    """
    if own.kind in _PRESENCE and own.field.endswith("[*]"):
        return one.field == own.field or one.field.startswith((f"{own.field}.", f"{own.field}["))
    if own.field != one.field:
        return False
    return own.kind is one.kind or (own.kind in _PRESENCE and one.kind in _PRESENCE)


class Noise:
    """What is known of each field in each place, and what of that nobody else knows yet."""

    def __init__(self) -> None:
        self._known: dict[Place, dict[Field, Count]] = defaultdict(dict)
        self._new: dict[Place, dict[Field, Count]] = defaultdict(dict)

    def standing(self, place: Place, one: Difference) -> Standing:
        known = self._known.get(place)
        return known.get((one.field, one.kind.value), NONE).standing if known else Standing.OPEN

    def learn(self, place: Place, found: Iterable[Difference], own: Collection[Difference]) -> None:
        """Count what differs between the versions, and what of that between the old one's own answers."""
        for one in found:
            field = (one.field, one.kind.value)
            known, new = self._known[place], self._new[place]
            if field in known or len(known) < MOST_FIELDS:
                seen = Count(1, 1 if any(explains(other, one) for other in own) else 0)
                known[field] = known.get(field, NONE).plus(seen)
                new[field] = new.get(field, NONE).plus(seen)

    def learnt(self) -> list[tuple[Place, Field, Count]]:
        """What was learnt since each place was last made known by ``know``."""
        return [(place, *one) for place, fields in self._new.items() for one in fields.items()]

    def know(self, place: Place, fields: Mapping[Field, Count]) -> None:
        """Take over what is known of a place, by others too; what was learnt of it is in there."""
        self._known[place] = dict(fields)
        self._new.pop(place, None)


class Verdict(str, Enum):
    """What came of one sampled request. DOUBTFUL asks for a second answer of the old version."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"
    FAILED = "failed"
    SENT = "sent"
    DOUBTFUL = "doubtful"

    __str__ = str.__str__


class Judged(NamedTuple):
    """A verdict, and for DIFFERENT what differs."""

    verdict: Verdict
    differences: tuple[Difference, ...] = ()


EQUAL = Judged(Verdict.EQUAL)


def first_look(noise: Noise, place: Place, found: tuple[Difference, ...], chance: float) -> Judged:
    """Judge what differs between the versions. ``chance`` is random, from 0 to 1."""
    standings = [(noise.standing(place, one), one) for one in found]
    if found and (chance < RECHECKED or any(standing is Standing.OPEN for standing, _ in standings)):
        return Judged(Verdict.DOUBTFUL)
    return _judged(one for standing, one in standings if standing is Standing.REAL)


def second_look(
    noise: Noise, place: Place, found: tuple[Difference, ...], own: tuple[Difference, ...]
) -> Judged:
    """Judge it again, knowing what differs between the old version's own two answers, and learn from it.

    Undecided where these have different statuses: then their content says nothing.
    """
    if any(one.field == STATUS for one in own) and not any(one.field == STATUS for one in found):
        return Judged(Verdict.UNDECIDED)
    noise.learn(place, found, own)
    return _judged(
        one
        for one in found
        if not any(explains(other, one) for other in own) and noise.standing(place, one) is not Standing.NOISE
    )


def _judged(left: Iterable[Difference]) -> Judged:
    differences = tuple(left)
    return Judged(Verdict.DIFFERENT, differences) if differences else EQUAL
