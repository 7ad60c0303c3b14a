"""The /metrics page: every worker's counts summed, and what the plan itself has to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from duskgate.admin.following import Following
from duskgate.admin.keeper import Keeper, Standing
from duskgate.policy.accept import Verdict
from duskgate.policy.plan import Api, Plan, Rule

_LABELS = ("api", "endpoint", "version")


class PlanCollector(Collector):
    """Metrics that follow from the YAML: when things end, and which YAML it is."""

    def __init__(self, following: Following, standing: Sequence[Standing], clock_shift: int = 0) -> None:
        """``clock_shift``: how far ahead the gateway's clock is, in ms."""
        self._following = following
        self._standing = standing
        self._shift = clock_shift

    def collect(self) -> Iterable[Metric]:
        self._following.refresh()
        plan = self._following.plan
        info = GaugeMetricFamily(
            "duskgate_config_info", "1 for the configuration the files hold now.", labels=("digest",)
        )
        info.add_metric((plan.digest,), 1)
        return (
            info,
            GaugeMetricFamily(
                "duskgate_clock_shift_seconds",
                "How far the gateway's clock is ahead of the machine's; 0 but for serve --clock.",
                self._shift / 1000,
            ),
            self._instants(plan, "sunset"),
            self._instants(plan, "deprecation"),
            *_exceptions(plan),
            *_gates(self._standing),
        )

    def _instants(self, plan: Plan, kind: str) -> Metric:
        family = GaugeMetricFamily(
            f"duskgate_{kind}_timestamp_seconds",
            f"When the {kind} comes, seconds since the epoch.",
            labels=_LABELS,
        )
        for rule in ending_rules(plan):
            dates = rule.lifecycle
            instant = dates.sunset if kind == "sunset" else dates.deprecated
            if instant is not None:
                family.add_metric((rule.api, rule.endpoint, rule.version), instant / 1000)
        return family


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


def _exceptions(plan: Plan) -> Iterator[Metric]:
    """What puts a sunset off: graces of single consumers, holds of operators."""
    graces = GaugeMetricFamily(
        "duskgate_grace_end_timestamp_seconds",
        "When a consumer's grace ends, seconds since the epoch.",
        labels=(*_LABELS, "consumer"),
    )
    holds = GaugeMetricFamily(
        "duskgate_hold_end_timestamp_seconds",
        "When an operator's hold on a sunset ends, seconds since the epoch.",
        labels=_LABELS,
    )
    for rule in ending_rules(plan):
        place = rule.api, rule.endpoint, rule.version
        for grace in rule.lifecycle.grace.values():
            graces.add_metric((*place, grace.consumer), grace.until / 1000)
        if rule.lifecycle.hold is not None:
            holds.add_metric(place, rule.lifecycle.hold.until / 1000)
    yield graces
    yield holds


def _gates(standing: Iterable[Standing]) -> Iterator[Metric]:
    verdicts = GaugeMetricFamily(
        "duskgate_gate_verdict",
        "1 for how an acceptance gate was judged last, 0 for the other verdicts.",
        labels=(*_LABELS, "verdict"),
    )
    holding = GaugeMetricFamily(
        "duskgate_gate_holding", "1 while an acceptance gate holds its sunset back.", labels=_LABELS
    )
    for gate, judged, holds in standing:
        api, version, endpoint = gate
        for verdict in Verdict:
            labels = (api, endpoint, version, verdict.value)
            verdicts.add_metric(labels, 1 if verdict is judged.verdict else 0)
        holding.add_metric((api, endpoint, version), 1 if holds else 0)
    yield verdicts
    yield holding


def page(following: Following, keeper: Keeper, run_dir: Path, clock_shift: int = 0) -> bytes:
    """The page in Prometheus' text format."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(run_dir))  # type: ignore[no-untyped-call]
    registry.register(PlanCollector(following, keeper.standing, clock_shift))
    return generate_latest(registry)
