"""The /metrics page: every worker's counts summed, and what the plan itself has to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from duskgate.config.current import Current
from duskgate.policy.plan import Api, Plan, Rule

_LABELS = ("api", "endpoint", "version")


class PlanCollector(Collector):
    """Metrics that follow from the YAML: when things end, and which YAML it is."""

    def __init__(self, current: Current) -> None:
        self._current = current

    def collect(self) -> Iterable[Metric]:
        self._current.refresh()
        plan = self._current.loaded.plan
        info = GaugeMetricFamily(
            "duskgate_config_info", "1 for the configuration the files hold now.", labels=("digest",)
        )
        info.add_metric((plan.digest,), 1)
        return info, self._instants(plan, "sunset"), self._instants(plan, "deprecation")

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


def page(current: Current, run_dir: Path) -> bytes:
    """The page in Prometheus' text format."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(run_dir))  # type: ignore[no-untyped-call]
    registry.register(PlanCollector(current))
    return generate_latest(registry)
