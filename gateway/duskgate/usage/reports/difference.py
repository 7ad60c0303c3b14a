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

THERE = "there"


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

    def rules(self) -> dict[Spot, Rule]:
        """Every rule by what it is for."""
        return {spot_of(rule): rule for rule in every_rule(self.plan)}

    def has_version(self, spot: Spot) -> bool:
        """Whether the version of a rule is there."""
        return spot.api in self.plan.apis and spot.version in self.plan.apis[spot.api].rules

    def covering(self, spot: Spot) -> Rule:
        """The rule that requests for an endpoint come under where it has none of its own."""
        api = self.plan.apis[spot.api]
        segments = tuple(part.encode() for part in spot.endpoint.split("/") if part)
        method = spot.methods[0] if spot.methods else "GET"
        rules = api.endpoints.find(segments, method) if api.endpoints is not None else None
        return rules[spot.version] if rules is not None else api.rules[spot.version]

    def minimum(self, rule: Rule) -> int:
        """How much notice a rule must give (ms)."""
        return self.minimums.get(spot_of(rule), 0)


def spot_of(rule: Rule) -> Spot:
    """What a rule is for."""
    return Spot(rule.api, rule.version, rule.endpoint, tuple(sorted(rule.methods)))


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
    before, after = old.rules(), new.rules()
    spots = sorted({*before, *after}, key=lambda spot: (*spot[:2], spot.endpoint != WHOLE, *spot[2:]))
    found: list[Change] = []
    of_version: set[Said] = set()
    for spot in spots:
        if spot.endpoint == WHOLE:
            said = list(_version(before.get(spot), after.get(spot), new, now))
            of_version = set(said)
        elif old.has_version(spot) and new.has_version(spot):
            endpoint = _endpoint(spot, before.get(spot), after.get(spot), old, new, now)
            said = [one for one in endpoint if one not in of_version]
        else:
            continue  # it comes and goes with its version
        found += [Change(spot, *one) for one in said]
    return found


def _version(before: Rule | None, after: Rule | None, new: Side, now: int) -> Iterator[Said]:
    if after is None:
        gone = before is not None and before.lifecycle.phase(now) is Phase.REMOVED
        yield Said("version", THERE, None, None if gone else "who names it gets 400 or 404 at once")
        return
    if before is None:
        yield Said("version", None, THERE)
    lifecycle = NEVER_ENDS if before is None else before.lifecycle
    yield from _of_lives(lifecycle, after.lifecycle, new.minimum(after), now)


def _endpoint(
    spot: Spot, before: Rule | None, after: Rule | None, old: Side, new: Side, now: int
) -> Iterator[Said]:
    """An endpoint that comes takes its place from a rule, and one that goes leaves it to one."""
    was, becomes = before or old.covering(spot), after or new.covering(spot)
    if (before is None or after is None) and (was.ends or becomes.ends):
        yield Said("endpoint", THERE if before else None, THERE if after else None)
    yield from _of_lives(was.lifecycle, becomes.lifecycle, new.minimum(becomes), now)


def _of_lives(old: Lifecycle, new: Lifecycle, minimum: int, now: int) -> Iterator[Said]:
    yield from changes(old, new, now)
    short = shorter_than(minimum, new, now if _sooner(old, new) else None)
    if short is not None and (short != shorter_than(minimum, old, None) or _sooner(old, new)):
        sunset = None if new.sunset is None else rfc3339(new.sunset)
        yield Said("notice", None, sunset, short)


def _sooner(old: Lifecycle, new: Lifecycle) -> bool:
    return new.sunset is not None and (old.sunset is None or new.sunset < old.sunset)
