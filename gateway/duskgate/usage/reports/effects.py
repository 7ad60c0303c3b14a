"""Who is hit by the difference between two plans, from when and until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.plan import Plan, Rule
from duskgate.usage.ledger.answers import Use
from duskgate.usage.reports.fate import Fate, Fates, Outcome
from duskgate.usage.reports.places import rules_by_place
from duskgate.usage.reports.rehearsal import Calls, merged


@dataclass(frozen=True)
class Effect:
    """A span of time in which the new plan treats a caller otherwise than the old one.

    ``start`` and ``end`` in ms; no ``end``: from then on. ``was`` and ``becomes`` as at the start.
    """

    calls: Calls
    start: int
    end: int | None
    was: Fate
    becomes: Fate


def effects(old: Plan, new: Plan, uses: Iterable[Use], now: int) -> list[Effect]:
    """By now and at every instant ahead. Both plans in force; the most important callers first."""
    before, after = Fates(old), Fates(new)
    rules, others = rules_by_place(old), rules_by_place(new)
    same_callers = (
        old.identity.consumers == new.identity.consumers and old.identity.known == new.identity.known
    )
    calls = merged(new, after, uses)
    found = []
    for one in calls:
        was, becomes = rules.get(one.place, ()), others.get(one.place, ())
        if same_callers and _alike(was, becomes):
            continue
        instants = sorted({now, *_instants(was, now), *_instants(becomes, now)})
        found += list(_spans(one, before, after, instants))
    return found


def _alike(rules: Iterable[Rule], others: Iterable[Rule]) -> bool:
    return [(rule.methods, rule.lifecycle) for rule in rules] == [
        (rule.methods, rule.lifecycle) for rule in others
    ]


def _spans(calls: Calls, before: Fates, after: Fates, instants: list[int]) -> Iterator[Effect]:
    begun: Effect | None = None
    for at in instants:
        was, becomes = (fates.fate(calls.place, calls.label, at) for fates in (before, after))
        if begun is not None and _kind(begun.was, begun.becomes) == _kind(was, becomes):
            continue
        if begun is not None:
            yield replace(begun, end=at)
        begun = Effect(calls, at, None, was, becomes) if _kind(was, becomes) is not None else None
    if begun is not None:
        yield begun


def _kind(was: Fate, becomes: Fate) -> Outcome | None:
    """What kind of difference there is, if any: by what it comes to, whatever it was before."""
    return becomes.outcome if was.outcome is not becomes.outcome else None


def _instants(rules: Iterable[Rule], now: int) -> Iterator[int]:
    """When something may change under these rules, behind ``now``."""
    return (at for rule in rules for at in _turns(rule.lifecycle) if at is not None and at > now)


def _turns(dates: Lifecycle) -> Iterator[int | None]:
    yield from (dates.sunset, dates.held_until, dates.removed)
    yield dates.freeze.since if dates.freeze is not None else None
    yield from (one.until for one in dates.grace.values())
    for window in dates.brownouts:
        yield from (window.start, window.end)
        if window.share is not None:
            yield from window.share.since
