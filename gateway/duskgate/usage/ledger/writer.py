"""The one thread of a worker that writes to the ledger. Nothing else ever waits for the database."""

from __future__ import annotations

import logging
import time
import uuid
from threading import Event, Thread
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from duskgate.middleware.clock import Clock
from duskgate.usage.ledger.buffer import Buffer
from duskgate.usage.ledger.keep import Keep
from duskgate.usage.ledger.session import Session
from duskgate.usage.ledger.store import LedgerError, in_words
from duskgate.usage.ledger.write import Batch, write

logger = logging.getLogger("duskgate")

MOST_ROWS = 5_000
"""Rows written in one transaction: others wait for its lock."""

STOP_SECONDS = 5.0
"""How long the last flush may go on trying."""

LONGEST_PAUSE = 10.0
"""Seconds between two attempts while the database cannot be used."""

FAILURES = (SQLAlchemyError, OSError, LedgerError)


class Observer(Protocol):
    """Hears how writing goes. Called from the writer's thread."""

    def wrote(self, rows: int, requests: int) -> None: ...

    def dropped(self, requests: int) -> None: ...

    def failed(self) -> None: ...

    def waits(self, requests: int) -> None:
        """Before each flush, which may hang: how much there is to write."""

    def flushed(self, at: int, waiting: int) -> None:
        """After each flush: ``at`` in ms if nothing is left, 0 if something is; and how much."""


class Writer:
    """Flushes the buffer every so often, in batches that are tried again until they are written.

    A batch that failed stays as it is, under its number: the database knows whether it had it after all.
    """

    def __init__(
        self, session: Session, buffer: Buffer, keep: Keep, observer: Observer, interval: float, clock: Clock
    ) -> None:
        self._session = session
        self._buffer = buffer
        self._keep = keep
        self._observer = observer
        self._interval = interval
        self._clock = clock
        self._name = uuid.uuid4().hex
        self._number = 0
        self._batch: Batch | None = None
        self._failures = 0
        self._stop = Event()
        self._stop_by = float("inf")
        self._thread = Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Start the thread. There is nothing that is not written yet."""
        self._observer.flushed(self._clock(), 0)
        self._thread.start()

    def close(self) -> None:
        """Flush for the last time, and wait for it: for twice ``STOP_SECONDS`` at most."""
        self._stop_by = time.monotonic() + STOP_SECONDS
        self._stop.set()
        self._thread.join(2 * STOP_SECONDS)
        self.tell_drops()
        left = self._left()
        if left:
            self._observer.dropped(left)
            logger.error("ledger: %d requests could not be written and are lost to it", left)

    def tell_drops(self) -> None:
        """Also called by the event loop: the thread may hang in the database."""
        dropped = self._buffer.dropped()
        if dropped:
            self._observer.dropped(dropped)

    def _left(self) -> int:
        batch = self._batch
        return self._buffer.waiting() + (batch.requests if batch is not None else 0)

    def _run(self) -> None:
        while not self._stop.wait(self._pause()):
            if self._flush():
                self._keep_in_bounds()
        while not self._flush() and time.monotonic() < self._stop_by:
            time.sleep(0.1)
        self._session.close()

    def _pause(self) -> float:
        """Longer after each failure."""
        if not self._failures:
            return self._interval
        return float(min(self._interval * 2 ** min(self._failures, 10), max(self._interval, LONGEST_PAUSE)))

    def _flush(self) -> bool:
        """Write all that waits; whether it is written."""
        self.tell_drops()
        self._observer.waits(self._left())
        try:
            while self._next_batch():
                self._write()
        except Exception as error:
            self._failed(error)
        left = self._left()
        self._observer.flushed(0 if self._batch is not None else self._clock(), left)
        return self._batch is None

    def _next_batch(self) -> bool:
        if self._batch is None:
            rows = self._buffer.take(MOST_ROWS)
            if rows:
                self._number += 1
                self._batch = Batch(self._number, rows)
        return self._batch is not None

    def _write(self) -> None:
        batch = self._batch
        if batch is None:
            return
        with self._session.transaction() as connection:
            write(connection, self._name, batch, self._clock())
        self._batch = None
        self._observer.wrote(len(batch.rows), batch.requests)
        if self._failures:
            logger.warning("ledger: written again after %d failures", self._failures)
            self._failures = 0

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._observer.failed()
        if self._failures == 1:
            fault = None if isinstance(error, FAILURES) else error  # a fault of ours needs its traceback
            logger.error("ledger: cannot be written, trying again: %s", in_words(error), exc_info=fault)

    def _keep_in_bounds(self) -> None:
        try:
            self._keep.look(self._session, self._clock())
        except Exception as error:
            logger.warning("ledger: could not be tidied up, trying again: %s", in_words(error))
