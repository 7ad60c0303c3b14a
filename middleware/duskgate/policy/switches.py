"""What is switched at run time, put on a plan: holds, brownouts called off, gates, rollouts that are stopped,
and who was seen before.

A switch never changes a plan: ``switched`` makes another one, in which every instant is known beforehand
again. So a hold ends, or a gate's bound is reached, as exactly as any date of the YAML.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from duskgate.policy.accept import Verdict
from duskgate.policy.build import make_routes, with_lifecycle
from duskgate.policy.guard import Action, Stop
from duskgate.policy.lifecycle import Hold, Lifecycle
from duskgate.policy.plan import WHOLE, Api, Plan, Rule
from duskgate.policy.rollout import Rollout


class Target(NamedTuple):
    """What a switch is for: everything, an api, one of its versions, or an endpoint of that."""

    api: str | None = None
    version: str | None = None
    endpoint: str | None = None

    def covers(self, rule: Rule) -> bool:
        """Whether a rule is among it. A version's endpoints are."""
        return (
            self.api in (None, rule.api)
            and self.version in (None, rule.version)
            and self.endpoint in (None, rule.endpoint)
        )


EVERYTHING = Target()


class Judged(NamedTuple):
    """How a gate was judged. ``open``: the latest sunset (ms) that it has let take effect, and for good."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    open: int | None = None


Gate = tuple[str, str, str]
"""The api, version and endpoint that a gate is before: ``*`` for the whole version, ``GET,PUT /x`` for an
endpoint that is told apart by its methods."""


def endpoint_of(gate: Gate) -> str:
    """The template of a gate's endpoint, without methods; ``*`` for the whole version."""
    return gate[2].rpartition(" ")[2]


FreezeOf = tuple[str, str, int]
"""The api and version of a freeze, and the instant (ms) at which it begins."""


@dataclass(frozen=True, slots=True)
class Switches:
    """Everything that is switched.

    ``stops`` are those of rollouts, by the api and the version that callers come from. ``seen`` holds the
    callers of a version from before a freeze's instant.
    """

    holds: Mapping[Target, Hold] = field(default_factory=dict)
    no_brownouts: frozenset[Target] = frozenset()
    gates: Mapping[Gate, Judged] = field(default_factory=dict)
    stops: Mapping[tuple[str, str], Stop] = field(default_factory=dict)
    seen: Mapping[FreezeOf, Set[str]] = field(default_factory=dict)

    def hold_for(self, rule: Rule) -> Hold | None:
        """The hold on a rule; of several the one that lasts longest."""
        holds = [hold for target, hold in self.holds.items() if target.covers(rule)]
        return max(holds, key=lambda hold: hold.until, default=None)


NOTHING = Switches()


def gate_of(rule: Rule, whole: Rule) -> Gate:
    """The gate before a rule's sunset: its own, or that of the whole version where it has the same.

    By the written dates, so that a hold on one of the two, or on both, gives no gate another name.
    """
    own, its = rule.lifecycle, whole.lifecycle
    same = own.accept == its.accept and own.written_sunset == its.written_sunset
    methods = f"{','.join(sorted(rule.methods))} " if rule.methods else ""
    return rule.api, rule.version, WHOLE if same else f"{methods}{rule.endpoint}"


def switched(plan: Plan, switches: Switches) -> Plan:
    """The plan with everything switched as it is. What is not touched is shared with the old one."""
    apis = {name: _api(api, switches) for name, api in plan.apis.items()}
    if all(apis[name] is api for name, api in plan.apis.items()):
        return plan
    return replace(plan, apis=MappingProxyType(apis), routes=make_routes(apis.values()))


def _api(api: Api, switches: Switches) -> Api:
    touched = False

    def changed(rules: Mapping[str, Rule]) -> Mapping[str, Rule]:
        nonlocal touched
        made = {version: _rule(rule, api.rules[version], switches) for version, rule in rules.items()}
        if all(made[version] is rule for version, rule in rules.items()):
            return rules
        touched = True
        return MappingProxyType(made)

    rules = changed(api.rules)
    endpoints = api.endpoints.mapped(changed) if api.endpoints is not None else None
    rollouts = {
        version: stopped(rollout, switches.stops.get((api.name, version)))
        for version, rollout in api.rollouts.items()
    }
    if not touched and rollouts == api.rollouts:
        return api
    return replace(api, rules=rules, endpoints=endpoints, rollouts=MappingProxyType(rollouts))


def stopped(rollout: Rollout, stop: Stop | None) -> Rollout:
    """The rollout as it is while it is stopped."""
    if stop is None:
        return rollout
    paused_at = stop.since if stop.action is Action.PAUSE else None
    return replace(rollout, halted=stop.action is Action.ROLLBACK, paused_at=paused_at, stop=stop)


def _rule(rule: Rule, whole: Rule, switches: Switches) -> Rule:
    lifecycle = rule.lifecycle
    if not rule.ends:
        return rule
    lifecycle = _gated(lifecycle, switches.gates.get(gate_of(rule, whole)))
    hold = switches.hold_for(rule)
    if hold is not None:
        lifecycle = held(lifecycle, hold)
    if lifecycle.brownouts and any(target.covers(rule) for target in switches.no_brownouts):
        lifecycle = replace(lifecycle, brownouts=())
    freeze = lifecycle.freeze
    seen = switches.seen.get((rule.api, rule.version, freeze.since)) if freeze is not None else None
    if freeze is not None and seen is not None:
        lifecycle = replace(lifecycle, freeze=replace(freeze, seen=seen))
    return rule if lifecycle is rule.lifecycle else with_lifecycle(rule, lifecycle)


def _gated(lifecycle: Lifecycle, judged: Judged | None) -> Lifecycle:
    if lifecycle.accept is None or lifecycle.sunset is None or judged is None:
        return lifecycle
    opened = judged.open is not None and judged.open >= lifecycle.sunset
    waits = not opened and lifecycle.accept.holds(judged.verdict)
    until = gate_bound(lifecycle) if waits else None
    return lifecycle if until == lifecycle.held_until else replace(lifecycle, held_until=until)


def gate_bound(lifecycle: Lifecycle) -> int | None:
    """When the sunset takes effect at the latest, though its gate is not met; never past the removal."""
    if lifecycle.accept is None or lifecycle.sunset is None:
        return None
    bound = lifecycle.sunset + lifecycle.accept.hold_at_most
    return bound if lifecycle.removed is None else min(bound, lifecycle.removed)


def held(lifecycle: Lifecycle, hold: Hold) -> Lifecycle:
    """The lifecycle with its sunset put off: callers are told the new one, and removal waits for it."""
    until = hold.until
    if lifecycle.sunset is None or lifecycle.sunset >= until:
        return lifecycle
    removed = None if lifecycle.removed is None else max(lifecycle.removed, until)
    bound = None if lifecycle.held_until is None else max(lifecycle.held_until, until)
    grace = {name: replace(one, until=max(one.until, until)) for name, one in lifecycle.grace.items()}
    return replace(
        lifecycle,
        sunset=until,
        removed=removed,
        held_until=bound,
        grace=MappingProxyType(grace),
        hold=replace(hold, instead_of=lifecycle.sunset),
    )
