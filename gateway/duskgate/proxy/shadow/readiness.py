"""Whether an endpoint of a shadow version answers as the version that callers use: for the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from duskgate.policy.plan import Plan
from duskgate.proxy.shadow.noise import Count, Field, Place, Standing
from duskgate.proxy.shadow.store import Results
from duskgate.proxy.shadow.tally import Sighting, Tally

ENOUGH = 100
"""Answers in a row that must have been equal."""


class Readiness(str, Enum):
    """READY: enough answers in a row were equal. DIFFERS: something differed, or a copy failed, since then.

    TOO_FEW: all were equal, but they are not enough. UNSEEN: nothing was compared.
    """

    READY = "ready"
    DIFFERS = "differs"
    TOO_FEW = "too few"
    UNSEEN = "unseen"

    __str__ = str.__str__


class Difference(NamedTuple):
    """A field that differed and is not known for noise."""

    field: str
    kind: str
    seen: Sighting


class Line(NamedTuple):
    """One endpoint."""

    place: Place
    readiness: Readiness
    tally: Tally
    differences: tuple[Difference, ...]
    noise: tuple[Field, ...]


_NOTHING = Tally(0, 0)


def lines(plan: Plan, results: Results, enough: int = ENOUGH) -> Iterator[Line]:
    """Every endpoint of every version that has a shadow whose answers are compared, in the plan's order."""
    for place in places(plan):
        tally = results.places.get(place, _NOTHING)
        noise = _noise(results.noise.get(place, {}))
        found = [
            Difference(field, kind, seen)
            for (field, kind), seen in results.differences.get(place, {}).items()
            if (field, kind) not in noise
        ]
        found.sort(key=lambda one: (-one.seen.last, one.field))
        yield Line(place, judged(tally, enough), tally, tuple(found), noise)


def places(plan: Plan) -> Iterator[Place]:
    """Where there is anything to compare, each once: endpoints may differ in their methods alone."""
    return iter(dict.fromkeys(_places(plan)))


def _places(plan: Plan) -> Iterator[Place]:
    for api in plan.apis.values():
        for version, rule in api.rules.items():
            if rule.shadow is None or rule.shadow.compare is None:
                continue
            endpoints = [one[version].endpoint for one in api.endpoints.values()] if api.endpoints else []
            for endpoint in (rule.endpoint, *sorted(endpoints)):
                yield api.name, version, rule.shadow.to, endpoint


def judged(tally: Tally, enough: int) -> Readiness:
    """What is to be thought of an endpoint."""
    if tally.streak >= enough:
        return Readiness.READY
    if tally.different or tally.failed:
        return Readiness.DIFFERS
    return Readiness.TOO_FEW if tally.equal or tally.undecided else Readiness.UNSEEN


def all_ready(found: list[Line]) -> bool:
    """Whether every endpoint that was seen is ready, and one was."""
    seen = [line.readiness for line in found if line.readiness is not Readiness.UNSEEN]
    return bool(seen) and all(one is Readiness.READY for one in seen)


def _noise(fields: Mapping[Field, Count]) -> tuple[Field, ...]:
    return tuple(sorted(field for field, count in fields.items() if count.standing is Standing.NOISE))
