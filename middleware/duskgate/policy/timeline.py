"""Every change that a plan has ahead, in order: what ``duskgate plan`` and the notice feed tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle, Window
from duskgate.policy.plan import WHOLE, Api, Plan, Rule
from duskgate.policy.rollout import ALWAYS, Rollout
from duskgate.policy.shares import BUCKETS
from duskgate.policy.switches import FreezeOf

FEW = 5
"""How many names are listed before the rest is only counted."""


class Kind(str, Enum):
    """What changes."""

    ANNOUNCED = "announced"
    DEPRECATED = "deprecated"
    FROZEN = "frozen"
    BROWNOUT = "brownout"
    BROWNOUT_ENDS = "brownout-ends"
    SHARE = "brownout-share"
    SUNSET = "sunset"
    ENFORCED = "enforced"
    GRACE_EXPIRING = "grace_expiring"
    GRACE_ENDS = "grace-ends"
    REMOVED = "removed"
    ROLLOUT = "rollout"

    __str__ = str.__str__


_ORDER = {kind: number for number, kind in enumerate(Kind)}
"""In which order changes of one instant are told: as a life goes."""


class Event(NamedTuple):
    """One change: the instant (ms), where, what, and more about it in words.

    ``brownout`` is the start and the end (ms) of the one that begins, changes or ends. ``methods`` are those
    of the endpoint, sorted; none: all.
    """

    at: int
    api: str
    version: str
    endpoint: str
    kind: Kind
    detail: str = ""
    brownout: tuple[int, int] | None = None
    methods: tuple[str, ...] = ()


def events(plan: Plan, since: int | None = None, until: int | None = None) -> list[Event]:
    """The changes from ``since`` on and before ``until`` (ms), earliest first.

    An endpoint's are listed where they differ from those of its version.
    """
    found = {event for rule, whole in rules(plan) for event in _own(rule, whole)}
    found.update(event for api in plan.apis.values() for event in _rollouts(api))
    asked = (
        event
        for event in found
        if (since is None or event.at >= since) and (until is None or event.at < until)
    )
    return sorted(asked, key=lambda event: (event[:4], _ORDER[event.kind], event.detail, event.methods))


def rules(plan: Plan) -> Iterator[tuple[Rule, Rule]]:
    """Each rule that ends, with the rule of its whole version: versions first, then their endpoints."""
    for api in plan.apis.values():
        for rule in api.rules.values():
            if rule.ends:
                yield rule, rule
        if api.endpoints is None:
            continue
        for values in api.endpoints.values():
            for version, rule in values.items():
                if rule.ends:
                    yield rule, api.rules[version]


def freezes(plan: Plan, now: int | None = None) -> set[FreezeOf]:
    """Every freeze that has begun by an instant (ms): a version's, and those of endpoints at another time.

    ``None``: also those that are to come.
    """
    return {
        (rule.api, rule.version, rule.lifecycle.freeze.since)
        for rule, _ in rules(plan)
        if rule.lifecycle.freeze is not None and (now is None or now >= rule.lifecycle.freeze.since)
    }


def _own(rule: Rule, whole: Rule) -> Iterable[Event]:
    dates, its = rule.lifecycle, whole.lifecycle
    if rule is whole:
        return _changes(rule, dates)
    if dates.brownouts == its.brownouts:  # there may be hundreds, and as many for each endpoint
        dates, its = replace(dates, brownouts=()), replace(its, brownouts=())
    known = set(_changes(rule, its))
    return (event for event in _changes(rule, dates) if event not in known)


def _changes(rule: Rule, dates: Lifecycle) -> Iterator[Event]:
    place, methods = (rule.api, rule.version, rule.endpoint), tuple(sorted(rule.methods))
    for at, kind, detail in _dates(dates):
        yield Event(at, *place, kind, detail, None, methods)
    for window in dates.brownouts:
        for at, kind, detail in _brownout(window):
            yield Event(at, *place, kind, detail, (window.start, window.end), methods)


def _dates(dates: Lifecycle) -> Iterator[tuple[int, Kind, str]]:
    if dates.announced is not None:
        yield dates.announced, Kind.ANNOUNCED, "callers are told"
    if dates.deprecated is not None:
        yield dates.deprecated, Kind.DEPRECATED, ""
    if dates.freeze is not None:
        yield (
            dates.freeze.since,
            Kind.FROZEN,
            "newcomers " + ("are refused" if dates.freeze.enforced else "are counted"),
        )
    if dates.sunset is not None:
        gate = ", if its gate is met" if dates.accept is not None else ""
        hold = f", put off by {dates.hold.by}: {dates.hold.reason}" if dates.hold is not None else ""
        yield dates.sunset, Kind.SUNSET, f"410 Gone{gate}{hold}"
    if dates.held_until is not None:
        yield dates.held_until, Kind.ENFORCED, "410 Gone, whether the gate is met or not"
    for grace in dates.grace.values():
        who = f"{grace.consumer} ({grace.owner}: {grace.reason})"
        if dates.grace_warning:
            yield grace.until - dates.grace_warning, Kind.GRACE_EXPIRING, who
        yield grace.until, Kind.GRACE_ENDS, who
    if dates.removed is not None:
        yield dates.removed, Kind.REMOVED, "404 Not Found"


def _brownout(window: Window) -> Iterator[tuple[int, Kind, str]]:
    share = window.share
    part = share.part(window.start) if share is not None else BUCKETS
    detail = f"{window.status} until {rfc3339(window.end)}"
    if part < BUCKETS:
        detail += f" for {part / 100:g} %"
    if window.exempt:
        detail += f", but not for {_few(sorted(window.exempt))}"
    yield window.start, Kind.BROWNOUT, detail
    if share is not None:
        for at, step in zip(share.since, share.parts, strict=True):
            if window.start < at < window.end:
                yield at, Kind.SHARE, f"{step / 100:g} %"
    yield window.end, Kind.BROWNOUT_ENDS, ""


def _rollouts(api: Api) -> Iterator[Event]:
    """The steps of schedules that will count: none of a rollout that is halted, none after a pause."""
    for version, rollout in api.rollouts.items():
        if rollout.halted:
            continue
        for at, what in _steps(rollout):
            if rollout.as_of(at) == at:
                yield Event(at, api.name, version, WHOLE, Kind.ROLLOUT, f"{what} to {rollout.to}")


def _steps(rollout: Rollout) -> Iterator[tuple[int, str]]:
    for ring in rollout.rings:
        if ring.since != ALWAYS:
            yield ring.since, f"ring {ring.name}"
    share = rollout.share
    for at, part in zip(share.since, share.parts, strict=True) if share is not None else ():
        if at != ALWAYS:
            yield at, f"{part / 100:g} %"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def where(event: Event | Rule) -> str:
    """``accounts v1``, ``accounts v1 /users/{id}`` or ``accounts v1 GET,PUT /users/{id}``."""
    methods = f" {','.join(sorted(event.methods))}" if event.methods else ""
    endpoint = "" if event.endpoint == WHOLE else f"{methods} {event.endpoint}"
    return f"{event.api} {event.version}{endpoint}"
