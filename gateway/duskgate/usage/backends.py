"""What happens to backends, as metrics and log lines."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from duskgate.usage.instruments import Instruments

logger = logging.getLogger("duskgate")


class BackendMetrics:
    """Counts failures, retries and ejections, and logs each change of a target's state once."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def probing(self, backend: str, targets: Sequence[str]) -> None:
        """Targets are probed from now on. What was said of them before a reload counts no more."""
        for target in targets:
            self._instruments.target_up.labels(backend, target).set(1)

    def failed(self, backend: str, kind: str) -> None:
        """A request could not be sent, or was not answered."""
        self._instruments.backend_failures.labels(backend, kind).inc()

    def retried(self, backend: str) -> None:
        """A request was sent again."""
        self._instruments.backend_retries.labels(backend).inc()

    def ejected(self, backend: str, target: str) -> None:
        """A target failed too often in a row and is left alone for a while."""
        self._instruments.ejections.labels(backend, target).inc()
        logger.warning("backend %s: %s failed repeatedly and is left out for a while", backend, target)

    def health(self, backend: str, target: str, *, up: bool) -> None:
        """A target's probes changed their mind."""
        self._instruments.target_up.labels(backend, target).set(1 if up else 0)
        logger.warning("backend %s: %s is %s by its health checks", backend, target, "up" if up else "down")
