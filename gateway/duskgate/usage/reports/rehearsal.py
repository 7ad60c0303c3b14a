"""Replaying what the ledger counted against a plan as it would be at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from duskgate.control.switches import gate_text
from duskgate.policy.instants import rfc3339
from duskgate.policy.plan import Plan
from duskgate.usage.gates import gates
from duskgate.usage.ledger.answers import Use
from duskgate.usage.reports.fate import Fate, Fates, Outcome
from duskgate.usage.reports.places import NOWHERE, Place, place_of

REFUSALS = frozenset(("refused", "redirected", "frozen", "brownout"))
"""The ledger's outcomes of requests that a lifecycle kept from being forwarded."""


@dataclass(frozen=True)
class Calls:
    """What one caller sent to one place. ``refused``: how much of it was refused already when it came.

    ``consumer`` is who it is by now, and ``label`` the one of the ledger: a digest where there is one, since
    each plan has a name for that or has none.
    """

    consumer: str
    label: str
    critical: bool
    contact: str | None
    place: Place
    count: int
    refused: int
    last_seen: int


@dataclass(frozen=True)
class Replayed:
    """Calls, and what would become of them."""

    calls: Calls
    fate: Fate


@dataclass(frozen=True)
class Rehearsal:
    """What a plan does at ``at`` (ms) to the calls of the past.

    ``calls`` is the number of those that came under a rule, and ``unplaced`` of those that did not. Critical
    consumers come first, then who calls most. ``assumed`` says what the ledger cannot tell.
    """

    at: int
    calls: int
    unplaced: int
    refused: tuple[Replayed, ...]
    undecided: tuple[Replayed, ...]
    assumed: tuple[str, ...]

    @property
    def safe(self) -> bool:
        """Whether it is sure that nobody would be refused."""
        return not self.refused and not self.undecided


def rehearse(plan: Plan, uses: Iterable[Use], at: int, now: int) -> Rehearsal:
    """Replay uses against a plan in force, its freezes told who was seen. ``at`` and ``now`` in ms."""
    fates = Fates(plan)
    kept = list(uses)
    calls = merged(plan, fates, kept)
    replayed = [Replayed(one, fates.fate(one.place, one.label, at)) for one in calls]
    counted = sum(one.count for one in calls)
    return Rehearsal(
        at=at,
        calls=counted,
        unplaced=sum(use.count for use in kept) - counted,
        refused=tuple(one for one in replayed if one.fate.outcome is Outcome.REFUSED),
        undecided=tuple(one for one in replayed if one.fate.outcome is Outcome.UNDECIDED),
        assumed=tuple(_assumed(plan, {one.place.api for one in calls}, at, now)),
    )


def merged(plan: Plan, fates: Fates, uses: Iterable[Use]) -> list[Calls]:
    """Uses put together by who called what, the most important first; those under no rule left out."""
    grouped: dict[tuple[str, Place], list[Use]] = defaultdict(list)
    for use in uses:
        if use.version != NOWHERE:
            grouped[fates.name(use.consumer), place_of(use)].append(use)
    calls = []
    for (name, place), own in grouped.items():
        known = plan.identity.consumers.get(name)
        calls.append(
            Calls(
                consumer=name,
                label=max(use.consumer for use in own),  # ~ comes after every letter
                critical=known is not None and known.critical,
                contact=known.contact if known is not None else None,
                place=place,
                count=sum(use.count for use in own),
                refused=sum(use.count for use in own if use.outcome in REFUSALS),
                last_seen=max(use.last_seen for use in own),
            )
        )
    return sorted(calls, key=lambda one: (not one.critical, -one.count, one.consumer, one.place))


def _assumed(plan: Plan, called: set[str], at: int, now: int) -> Iterator[str]:
    for gate, rule in gates(plan):
        sunset, held = rule.lifecycle.sunset, rule.lifecycle.held_until
        if sunset is None or at < sunset or (now >= sunset and held is None):
            continue
        text = f"the gate of {gate_text(gate)} is judged anew until then; as it stands"
        if held is None:
            yield f"{text} it lets the sunset take effect"
        else:
            yield f"{text} it holds the sunset until {rfc3339(held)}"
    for name in sorted(called):
        if name in plan.apis and plan.apis[name].flags:
            yield f"calls of {name} that named no version go where flags sent them when they came"
