"""What waits to be written: filled by the event loop, emptied by the writer's thread."""

from __future__ import annotations

from itertools import islice
from threading import Lock

from duskgate.usage.ledger.tables import Key
from duskgate.usage.ledger.write import Row


class Buffer:
    """Sums by hour and key. At most ``most`` rows wait; what would be one more is dropped and counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._rows: dict[tuple[int, Key], list[int]] = {}
        self._waiting = self._dropped = 0

    def add(self, start: int, key: Key, count: int, first: int, last: int) -> None:
        """Add requests of one hour."""
        with self._lock:
            row = self._rows.get((start, key))
            if row is not None:
                row[0] += count
                row[1] = min(row[1], first)
                row[2] = max(row[2], last)
            elif len(self._rows) < self._most:
                self._rows[start, key] = [count, first, last]
            else:
                self._dropped += count
                return
            self._waiting += count

    def take(self, most: int) -> list[Row]:
        """The oldest rows, which leave the buffer."""
        with self._lock:
            taken = list(islice(self._rows.items(), most))
            for place, _ in taken:
                del self._rows[place]
            self._waiting -= sum(sums[0] for _, sums in taken)
        return [(start, key, sums[0], sums[1], sums[2]) for (start, key), sums in taken]

    def dropped(self) -> int:
        """How many requests were dropped since this was last asked."""
        with self._lock:
            number, self._dropped = self._dropped, 0
        return number

    def waiting(self) -> int:
        """How many requests are in it."""
        with self._lock:
            return self._waiting
