"""The feed's memory in the state folder: ``feed.json``, kept by one process and followed by the others."""

from __future__ import annotations

import logging
from pathlib import Path

from duskgate.control.entries import BrokenEntries, Entries
from duskgate.feed.memory import EMPTY, Memory, entries_of, memory_of

FILE = "feed.json"

logger = logging.getLogger("duskgate")


class MemoryFile:
    """Follows the file. ``memory`` is what it held last; ``None`` while there is none.

    ``broken``: the file cannot be understood, and so is neither read nor written until it can.
    """

    def __init__(self, state: Path) -> None:
        self.entries = Entries(state / FILE)
        self.memory: Memory | None = None
        self.broken = False
        self._seen: tuple[int, int, int] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Look at the file. What cannot be read is logged, once for each content."""
        seen = self._signature()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.memory = memory_of(self.entries.read()) if seen is not None else None
            self.broken = False
        except (BrokenEntries, ValueError, KeyError, TypeError, AttributeError) as error:
            self.broken = True
            logger.error(
                "the feed's memory is broken, move %s away to begin anew: %r", self.entries.path, error
            )

    def keep(self, memory: Memory, now: int) -> None:
        """Write what changed. Raises OSError, or BrokenEntries."""
        before, after = entries_of(self.memory or EMPTY), entries_of(memory)
        gone = dict.fromkeys(before.keys() - after.keys())
        self.entries.put_all({**gone, **after}, by="duskgate", at=now)
        self.refresh()

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self.entries.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
