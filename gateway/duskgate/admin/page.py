"""The /metrics page: every worker's counts summed, and what the plan itself has to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from duskgate.admin.counted import OF_TARGETS
from duskgate.admin.following import Following
from duskgate.admin.guards import Guards
from duskgate.admin.keeper import Keeper
from duskgate.admin.metrics import PlanCollector
from duskgate.policy.plan import Plan


class CountedCollector(Collector):
    """What the workers have counted, summed. Of targets only those that the plan still has.

    A worker's gauge cannot be taken back, and one that says 0 of a target that is no more would do so for
    as long as the worker lives.
    """

    def __init__(self, run_dir: Path, plan: Callable[[], Plan]) -> None:
        self._files = MultiProcessCollector(None, path=str(run_dir))  # type: ignore[no-untyped-call]
        self._plan = plan

    def collect(self) -> Iterator[Metric]:
        targets = {(one.name, base) for one in self._plan().backends.values() for base in one.targets}
        for metric in self._files.collect():  # type: ignore[no-untyped-call]
            if metric.name == OF_TARGETS:
                metric.samples = [
                    one for one in metric.samples if (one.labels["backend"], one.labels["target"]) in targets
                ]
            yield metric


class Page:
    """Makes the page, from any thread."""

    def __init__(self, following: Following, keeper: Keeper, guards: Guards, clock_shift: int = 0) -> None:
        """``clock_shift``: how far ahead the gateway's clock is, in ms."""
        self._following = following
        self._keeper = keeper
        self._guards = guards
        self._shift = clock_shift

    def text(self) -> bytes:
        """The page as it is now, in Prometheus' text format."""
        registry = CollectorRegistry()
        standing = self._keeper.standing, self._guards.standing
        registry.register(PlanCollector(self._following, *standing, clock_shift=self._shift))
        counted = self._guards.counted
        registry.register(CountedCollector(counted.run_dir, lambda: self._following.plan))
        with counted.reading():
            return generate_latest(registry)
