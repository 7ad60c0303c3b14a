"""The past, as far as it is kept: of the ledger that the YAML names now."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Protocol

from duskgate.config import Loaded
from duskgate.usage.gates import NO_LEDGER, Facts
from duskgate.usage.written import Written

PATIENCE = 180_000
"""Ms without a flush after which it is no more to be concluded from silence that nobody called."""

FLUSHES = 3
"""And so many flushes, where they are rarer than that."""


class Records(Protocol):
    """For gates, and for freezes. ``fault`` says why it gave ``None``."""

    @property
    def fault(self) -> str | None: ...

    def facts(self) -> Facts | None: ...

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None: ...


class NoRecords:
    """Nothing is kept."""

    fault = NO_LEDGER

    def facts(self) -> Facts | None:
        return None

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None:
        return None


class CurrentRecords:
    """Those of the configuration in force: workers that start write to the ledger that it names."""

    def __init__(self, loaded: Callable[[], Loaded], written: Callable[[], Written]) -> None:
        self._loaded = loaded
        self._written = written
        self._url: str | None = None
        self._records: Records = NoRecords()

    @property
    def fault(self) -> str | None:
        return self._records.fault

    def facts(self) -> Facts | None:
        return self._current().facts()

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None:
        return self._current().seen_before(api, version, instant, most)

    def _current(self) -> Records:
        loaded = self._loaded()
        if loaded.ledger_url != self._url:
            self._url, self._records = loaded.ledger_url, self._of(loaded)
        return self._records

    def _of(self, loaded: Loaded) -> Records:
        section = loaded.document.ledger
        if loaded.ledger_url is None or section is None:
            return NoRecords()
        # SQLAlchemy is some 14 MiB, which a gateway without a ledger need not carry
        from duskgate.usage.ledger.records import LedgerRecords

        return LedgerRecords(loaded.ledger_url, self._written, max(PATIENCE, FLUSHES * section.flush))
