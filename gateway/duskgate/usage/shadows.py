"""What comes of shadowing, as metrics."""

from __future__ import annotations

from collections.abc import Sequence

from duskgate.usage.instruments import Instruments


class ShadowMetrics:
    """Counts samples, what differed in them, and those that were dropped."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def dropped(self, api: str, version: str, reason: str) -> None:
        """A sampled request was not copied, or not compared."""
        self._instruments.shadow_dropped.labels(api, version, reason).inc()

    def judged(self, place: tuple[str, str, str, str], verdict: str, kinds: Sequence[str]) -> None:
        """A sample is done with. ``place``: api, version, the shadow's version and endpoint."""
        api, version, _, endpoint = place
        self._instruments.shadow_samples.labels(api, endpoint, version, verdict).inc()
        for kind in kinds:
            self._instruments.shadow_differences.labels(api, endpoint, version, kind).inc()

    def took(self, api: str, shadow: str, seconds: float) -> None:
        """A copy was answered."""
        self._instruments.shadow_duration.labels(api, shadow).observe(seconds)
