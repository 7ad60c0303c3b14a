"""The ledger of one worker, put together."""

from __future__ import annotations

from dataclasses import dataclass

from duskgate.middleware.clock import Clock, system_clock
from duskgate.usage.ledger.bounds import ROWS_OF_A_CONSUMER, Bounds
from duskgate.usage.ledger.buffer import Buffer
from duskgate.usage.ledger.keep import Keep
from duskgate.usage.ledger.session import Session
from duskgate.usage.ledger.tally import Tally
from duskgate.usage.ledger.writer import Observer, Writer


@dataclass(frozen=True)
class Settings:
    """What the YAML says of the ledger, lengths of time in ms. ``named``: how many consumers it names."""

    url: str
    flush: int
    keep_hours: int
    keep_days: int
    max_consumers: int
    named: int = 0


class Ledger:
    """Takes note of each finished request at the cost of a dict's update; a thread writes.

    ``add`` and ``fold`` are those of ``Tally``. Raises LedgerError where the database's driver is missing;
    everything else about the database only comes out later, and harms no request.
    """

    def __init__(self, settings: Settings, observer: Observer, clock: Clock = system_clock) -> None:
        callers = settings.max_consumers + settings.named
        buffer = Buffer(2 * callers * ROWS_OF_A_CONSUMER)
        tally = Tally(buffer, Bounds(settings.max_consumers), clock)
        self.add, self._fold = tally.add, tally.fold  # the very method: a request pays for no detour
        keep = Keep(settings.keep_hours, settings.keep_days)
        self._writer = Writer(Session(settings.url), buffer, keep, observer, settings.flush / 1000, clock)
        self._writer.start()

    def fold(self) -> None:
        """Hand what was counted to the writer."""
        self._fold()
        self._writer.tell_drops()

    def close(self) -> None:
        """Write everything, within bounds: see ``Writer.close``. Blocks."""
        self.fold()
        self._writer.close()
