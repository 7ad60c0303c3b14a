"""What comes of shadowing, as metrics."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter

from duskgate.usage.instruments import Instruments

Labels = tuple[str, ...]


class ShadowMetrics:
    """Counts samples, what differed in them, and those that were dropped."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._counters: dict[tuple[int, Labels], Counter] = {}

    def dropped(self, api: str, version: str, reason: str) -> None:
        """A sampled request was not copied, or not compared."""
        self._count(self._instruments.shadow_dropped, (api, version, reason))

    def judged(self, place: tuple[str, str, str, str], verdict: str, kinds: Sequence[str]) -> None:
        """A sample is done with. ``place``: api, version, the shadow's version and endpoint."""
        api, version, _, endpoint = place
        self._count(self._instruments.shadow_samples, (api, endpoint, version, verdict))
        for kind in kinds:
            self._count(self._instruments.shadow_differences, (api, endpoint, version, kind))

    def took(self, api: str, shadow: str, seconds: float) -> None:
        """A copy was answered."""
        self._instruments.shadow_duration.labels(api, shadow).observe(seconds)

    def _count(self, metric: Counter, labels: Labels) -> None:
        found = self._counters.get((id(metric), labels))
        if found is None:
            found = self._counters[id(metric), labels] = metric.labels(*labels)
        found.inc()
