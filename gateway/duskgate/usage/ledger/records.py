"""What the ledger knows, in the form in which gates and freezes ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from duskgate.middleware.clock import Clock, system_clock
from duskgate.policy.instants import rfc3339
from duskgate.policy.plan import WHOLE
from duskgate.usage.gates import Facts, Served
from duskgate.usage.ledger.reader import Reader
from duskgate.usage.ledger.store import LedgerError
from duskgate.usage.recorder import NONE
from duskgate.usage.written import Written


class LedgerFacts:
    """``Facts`` out of a ledger. Raises LedgerError where it cannot be read."""

    def __init__(self, reader: Reader, whole_since: int = 0) -> None:
        """``whole_since``: the instant (ms) of the last request that was lost to the ledger."""
        self._reader = reader
        self._whole_since = whole_since

    def begins(self) -> int | None:
        begins = self._reader.begins()
        return None if begins is None else max(begins, self._whole_since)

    def served(self, api: str, endpoint: str, since: int) -> Mapping[str, Served]:
        shares = self._reader.share(api, since, None, None if endpoint == WHOLE else endpoint)
        return {name: Served(one.count, one.errors) for name, one in shares.items() if name != NONE}

    def callers(self, api: str, version: str, endpoint: str, since: int) -> Mapping[str, int]:
        used = self._reader.consumers(api, version, since)
        if endpoint == WHOLE:
            return {consumer: use.last_seen for consumer, use in used.items()}
        return {
            consumer: max(own)
            for consumer, use in used.items()
            if (own := [part.last_seen for part in use.parts if part.endpoint == endpoint])
        }


class LedgerRecords:
    """The past as the ledger at a URL has it. Where it cannot be read, or is not being written, nothing is
    known, and ``fault`` says why."""

    def __init__(
        self, url: str, written: Callable[[], Written], patience: int, clock: Clock = system_clock
    ) -> None:
        """``patience``: after so many ms without a flush nothing is known. ``clock`` is the writers' own."""
        self._reader = Reader(url)
        self._written = written
        self._patience = patience
        self._clock = clock
        self._began = clock()
        self._dropped: int | None = None
        self._lost = 0
        self.fault: str | None = None

    def facts(self) -> Facts | None:
        """``None`` where the ledger cannot be read, or has not been written for a while."""
        facts = LedgerFacts(self._reader, self._whole_since())
        try:
            self.fault = self._behind()
            facts.begins()
        except LedgerError as error:
            self.fault = str(error)
        return facts if self.fault is None else None

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None:
        """Who called a version before an instant (ms); no more than ``most`` of them."""
        try:
            self.fault = self._behind()
            found = self._reader.first_seen_before(api, version, instant, most)
        except LedgerError as error:
            self.fault = str(error)
        return found if self.fault is None else None

    def _behind(self) -> str | None:
        """Why the ledger does not tell of what happened lately."""
        last = self._written().flushed or self._began
        if self._clock() - last <= self._patience:
            return None
        return f"the ledger has not been written since {rfc3339(last)}"

    def _whole_since(self) -> int:
        """Since when no request was lost to it, as far as this process has seen."""
        dropped = self._written().dropped
        if self._dropped is not None and dropped > self._dropped:
            self._lost = self._clock()
        self._dropped = dropped
        return self._lost
