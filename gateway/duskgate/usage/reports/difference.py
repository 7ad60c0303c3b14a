"""What an edit of the YAML changes about its dates, and where it gives callers less time than they had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import NEVER_ENDS, Lifecycle, Phase
from duskgate.policy.plan import WHOLE, Plan, Rule
from duskgate.usage.reports.lives import Said, changes, shorter_than
from duskgate.usage.reports.places import every_rule


class Spot(NamedTuple):
    """What a rule is for; it stands for the same in two plans. ``methods`` sorted; none: all."""

    api: str
    version: str
    endpoint: str
    methods: tuple[str, ...]


class Side(NamedTuple):
    """One of the two: its plan as written, and how much notice (ms) it demands of each rule."""

    plan: Plan
    minimums: Mapping[tuple[str, str, str, tuple[str, ...]], int]


@dataclass(frozen=True)
class Change:
    """One difference. ``before`` and ``after`` are words; ``None``: there was, or is, nothing.

    ``shortened`` says how callers get less notice by it, if they do.
    """

    spot: Spot
    what: str
    before: str | None
    after: str | None
    shortened: str | None = None


def differences(old: Side, new: Side, now: int) -> list[Change]:
    """Every difference, versions before their endpoints. ``now`` in ms: what is gone already is no loss."""
    rules, others = _by_spot(old.plan), _by_spot(new.plan)
    spots = sorted({*rules, *others}, key=lambda spot: (*spot[:2], spot.endpoint != WHOLE, *spot[2:]))
    found: list[Change] = []
    of_version: set[Said] = set()
    for spot in spots:
        before, after = rules.get(spot), others.get(spot)
        if spot.endpoint == WHOLE:
            said = list(_version(before, after, new.minimums.get(spot, 0), now))
            of_version = set(said)
        elif (spot.version in _versions(old.plan, spot.api)) and spot.version in _versions(
            new.plan, spot.api
        ):
            endpoint = _endpoint(spot, before, after, old.plan, new, now)
            said = [one for one in endpoint if one not in of_version]
        else:
            continue  # it comes and goes with its version
        found += [Change(spot, *one) for one in said]
    return found


def _by_spot(plan: Plan) -> dict[Spot, Rule]:
    return {
        Spot(rule.api, rule.version, rule.endpoint, tuple(sorted(rule.methods))): rule
        for rule in every_rule(plan)
    }


def _versions(plan: Plan, api: str) -> tuple[str, ...]:
    return plan.apis[api].versions if api in plan.apis else ()


def _version(before: Rule | None, after: Rule | None, minimum: int, now: int) -> Iterator[Said]:
    if after is None:
        gone = before is not None and before.lifecycle.phase(now) is Phase.REMOVED
        yield Said("version", "there", None, None if gone else "who names it gets 400 or 404 at once")
        return
    dates = after.lifecycle
    if before is None:
        yield Said("version", None, "there")
    yield from _of_lives(NEVER_ENDS if before is None else before.lifecycle, dates, minimum, now)


def _endpoint(
    spot: Spot, before: Rule | None, after: Rule | None, plan: Plan, new: Side, now: int
) -> Iterator[Said]:
    """An endpoint that comes or goes takes its place from a rule, or leaves it to one."""
    if before is None:
        yield Said("endpoint", None, "there")
    if after is None:
        yield Said("endpoint", "there", None)
    old = before or _covering(plan, spot)
    now_is = after or _covering(new.plan, spot)
    minimum = new.minimums.get(
        (now_is.api, now_is.version, now_is.endpoint, tuple(sorted(now_is.methods))), 0
    )
    yield from _of_lives(old.lifecycle, now_is.lifecycle, minimum, now)


def _covering(plan: Plan, spot: Spot) -> Rule:
    """The rule that requests for an endpoint come under where it has none of its own."""
    api = plan.apis[spot.api]
    segments = tuple(part.encode() for part in spot.endpoint.split("/") if part)
    method = spot.methods[0] if spot.methods else "GET"
    rules = api.endpoints.find(segments, method) if api.endpoints is not None else None
    return rules[spot.version] if rules is not None else api.rules[spot.version]


def _of_lives(old: Lifecycle, new: Lifecycle, minimum: int, now: int) -> Iterator[Said]:
    yield from changes(old, new, now)
    short = shorter_than(minimum, new, now if _sooner(old, new) else None)
    if short is not None and (short != shorter_than(minimum, old, None) or _sooner(old, new)):
        sunset = None if new.sunset is None else rfc3339(new.sunset)
        yield Said("notice", None, sunset, short)


def _sooner(old: Lifecycle, new: Lifecycle) -> bool:
    return new.sunset is not None and (old.sunset is None or new.sunset < old.sunset)
