"""Metrics that follow from the plan in force: when things end, who matters, how the gates stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from duskgate.admin.following import Following
from duskgate.admin.guards import Standing as Guarded
from duskgate.admin.guards import guarded
from duskgate.admin.keeper import Standing
from duskgate.control.switches import BY_GUARD
from duskgate.policy.accept import Verdict
from duskgate.policy.guard import Action
from duskgate.policy.plan import Api, Plan, Rule
from duskgate.policy.switches import endpoint_of
from duskgate.usage.gates import worst
from duskgate.usage.guard import Verdict as Compared

_PLACE = ("api", "endpoint", "version")

Labels = tuple[str, ...]


class PlanCollector(Collector):
    """The metrics of the plan of ``following``, whose gates are ``standing``, and whose guards ``guards``."""

    def __init__(
        self,
        following: Following,
        standing: Sequence[Standing],
        guards: Sequence[Guarded] = (),
        clock_shift: int = 0,
    ) -> None:
        """``clock_shift``: how far ahead the gateway's clock is, in ms."""
        self._following = following
        self._standing = standing
        self._guards = guards
        self._shift = clock_shift

    def collect(self) -> Iterator[Metric]:
        self._following.refresh()
        plan = self._following.plan
        yield _info(
            "duskgate_config_info",
            "1 for the configuration the files hold now.",
            ("digest",),
            [(plan.digest,)],
        )
        yield GaugeMetricFamily(
            "duskgate_clock_shift_seconds",
            "How far the gateway's clock is ahead of the machine's; 0 but for serve --clock.",
            self._shift / 1000,
        )
        yield _consumers(plan)
        yield from _dates(plan)
        yield from _exceptions(plan)
        yield from _gates(self._standing)
        yield from _rollouts(plan)
        yield _guards(self._guards)


def _info(name: str, text: str, labels: Labels, series: Iterable[Labels]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for one in series:
        family.add_metric(one, 1)
    return family


def _consumers(plan: Plan) -> Metric:
    return _info(
        "duskgate_consumer_info",
        "1 for each consumer that the configuration names.",
        ("consumer", "critical"),
        (
            (name, "true" if consumer.critical else "false")
            for name, consumer in plan.identity.consumers.items()
        ),
    )


def _instants(name: str, text: str, labels: Labels, found: Iterable[tuple[Labels, int | None]]) -> Metric:
    """Instants (ms) as seconds. Endpoints that differ in their methods only have the same labels: the
    earliest of their instants counts."""
    earliest: dict[Labels, int] = {}
    for place, instant in found:
        if instant is not None:
            earliest[place] = min(instant, earliest.get(place, instant))
    family = GaugeMetricFamily(name, f"{text}, seconds since the epoch.", labels=labels)
    for place, instant in earliest.items():
        family.add_metric(place, instant / 1000)
    return family


def _dates(plan: Plan) -> Iterator[Metric]:
    places = [(_place(rule), rule.lifecycle) for rule in ending_rules(plan)]
    yield _instants(
        "duskgate_sunset_timestamp_seconds",
        "When the sunset comes",
        _PLACE,
        ((place, dates.sunset) for place, dates in places),
    )
    yield _instants(
        "duskgate_deprecation_timestamp_seconds",
        "When the deprecation comes",
        _PLACE,
        ((place, dates.deprecated) for place, dates in places),
    )


def _exceptions(plan: Plan) -> Iterator[Metric]:
    """What puts a sunset off: graces of single consumers, holds of operators."""
    places = [(_place(rule), rule.lifecycle) for rule in ending_rules(plan)]
    yield _instants(
        "duskgate_grace_end_timestamp_seconds",
        "When a consumer's grace ends",
        (*_PLACE, "consumer"),
        (((*place, one.consumer), one.until) for place, dates in places for one in dates.grace.values()),
    )
    yield _instants(
        "duskgate_hold_end_timestamp_seconds",
        "When an operator's hold on a sunset ends",
        _PLACE,
        ((place, dates.hold.until) for place, dates in places if dates.hold is not None),
    )


def _place(rule: Rule) -> Labels:
    return rule.api, rule.endpoint, rule.version


def ending_rules(plan: Plan) -> Iterator[Rule]:
    """The rule of each version that ends, and of each endpoint that ends at other times than its version."""
    for api in plan.apis.values():
        yield from (rule for rule in api.rules.values() if rule.lifecycle.ends)
        yield from _endpoint_rules(api)


def _endpoint_rules(api: Api) -> Iterator[Rule]:
    for rules in api.endpoints.values() if api.endpoints is not None else ():
        for version, rule in rules.items():
            if rule.lifecycle.ends and rule.lifecycle != api.rules[version].lifecycle:
                yield rule


def _gates(standing: Iterable[Standing]) -> Iterator[Metric]:
    verdicts = GaugeMetricFamily(
        "duskgate_gate_verdict",
        "1 for how an acceptance gate was judged last, 0 for the other verdicts.",
        labels=(*_PLACE, "verdict"),
    )
    holding = GaugeMetricFamily(
        "duskgate_gate_holding", "1 while an acceptance gate holds its sunset back.", labels=_PLACE
    )
    at: dict[Labels, list[Standing]] = {}
    for one in {one.gate: one for one in standing}.values():
        api, version, _ = one.gate
        at.setdefault((api, endpoint_of(one.gate), version), []).append(one)
    for place, gates in at.items():  # of several methods at one path the worst counts
        found = worst(one.judged.verdict for one in gates)
        for verdict in Verdict:
            verdicts.add_metric((*place, verdict.value), 1 if verdict is found else 0)
        holding.add_metric(place, 1 if any(one.holding for one in gates) else 0)
    yield verdicts
    yield holding


def _rollouts(plan: Plan) -> Iterator[Metric]:
    halted = GaugeMetricFamily(
        "duskgate_rollout_halted",
        "1 while a rollout moves nobody, by its guard or an operator.",
        labels=("api", "version"),
    )
    for api in plan.apis.values():
        for version, rollout in api.rollouts.items():
            halted.add_metric((api.name, version), 1 if rollout.halted else 0)
    yield halted
    tripped = GaugeMetricFamily(
        "duskgate_rollout_guard_tripped",
        "1 from when a rollout's guard did something until an operator resumes.",
        labels=("api", "version", "action"),
    )
    for place, rollout, guard in guarded(plan):
        done = rollout.stop.action if rollout.stop is not None and rollout.stop.by == BY_GUARD else None
        for action in Action:
            if action in (guard.action, done):
                tripped.add_metric((*place, action.value), 1 if action is done else 0)
    yield tripped


def _guards(standing: Iterable[Guarded]) -> Metric:
    verdicts = GaugeMetricFamily(
        "duskgate_rollout_guard_verdict",
        "1 for how a guarded rollout was judged last, 0 for the other verdicts.",
        labels=("api", "version", "verdict"),
    )
    for one in standing:
        for verdict in Compared:
            labels = (one.api, one.version, verdict.value)
            verdicts.add_metric(labels, 1 if verdict is one.judged.verdict else 0)
    return verdicts
