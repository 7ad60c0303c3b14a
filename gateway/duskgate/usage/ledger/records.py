"""What the ledger knows, in the form in which gates and freezes ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Set

from duskgate.policy.plan import WHOLE
from duskgate.usage.gates import Facts, Served
from duskgate.usage.ledger.reader import Reader
from duskgate.usage.ledger.store import LedgerError
from duskgate.usage.recorder import NONE


class LedgerFacts:
    """``Facts`` out of a ledger. Raises LedgerError where it cannot be read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def begins(self) -> int | None:
        return self._reader.begins()

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
    """The past as the ledger at a URL has it. Where it cannot be read, nothing is known, and said why."""

    def __init__(self, url: str) -> None:
        self._reader = Reader(url)
        self.fault: str | None = None

    def facts(self) -> Facts | None:
        """``None`` where the ledger cannot be read."""
        facts = LedgerFacts(self._reader)
        try:
            facts.begins()
        except LedgerError as error:
            self.fault = str(error)
            return None
        self.fault = None
        return facts

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None:
        """Who called a version before an instant (ms); no more than ``most`` of them."""
        try:
            return self._reader.first_seen_before(api, version, instant, most)
        except LedgerError as error:
            self.fault = str(error)
            return None
