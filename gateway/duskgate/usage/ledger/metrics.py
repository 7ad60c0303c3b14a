"""How writing to the ledger goes, as metrics."""

from __future__ import annotations

from duskgate.usage.instruments import Instruments


class LedgerMetrics:
    """Tells the metrics what a writer tells it."""

    def __init__(self, instruments: Instruments) -> None:
        self._rows = instruments.ledger_rows
        self._requests = instruments.ledger_requests
        self._dropped = instruments.ledger_dropped
        self._failures = instruments.ledger_failures
        self._waiting = instruments.ledger_waiting
        self._flushed = instruments.ledger_flushed

    def wrote(self, rows: int, requests: int) -> None:
        """A batch is in the database."""
        self._rows.inc(rows)
        self._requests.inc(requests)

    def dropped(self, requests: int) -> None:
        """Requests will not be in the ledger."""
        self._dropped.inc(requests)

    def failed(self) -> None:
        """The database could not be used."""
        self._failures.inc()

    def waits(self, requests: int) -> None:
        """A flush begins, with so many requests to write."""
        self._waiting.set(requests)

    def flushed(self, at: int, waiting: int) -> None:
        """A flush is over: at ``at`` (ms) with nothing left, or at 0 with ``waiting`` requests."""
        self._waiting.set(waiting)
        if at:
            self._flushed.set(at / 1000)
