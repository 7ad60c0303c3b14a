"""Keeping the feed's memory: one process does, however many workers there are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from duskgate.config import Loaded
from duskgate.control.entries import BrokenEntries
from duskgate.feed.endings import endings
from duskgate.feed.memory import EMPTY, advanced
from duskgate.feed.memory_file import MemoryFile
from duskgate.middleware.clock import Clock, system_clock
from duskgate.policy.plan import Plan

logger = logging.getLogger("duskgate")

TICK = 5.0
"""Seconds between two rounds."""


class FeedKeeper:
    """Notes what the feed says. ``plan`` gives the one in force, ``loaded`` the configuration.

    A folder that cannot be written to is logged once; every date then has the sequence 0.
    """

    def __init__(
        self, loaded: Callable[[], Loaded], plan: Callable[[], Plan], clock: Clock = system_clock
    ) -> None:
        self._loaded = loaded
        self._plan = plan
        self._clock = clock
        self._file: MemoryFile | None = None
        self._said = False

    async def run(self) -> None:
        """One round after the other, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.round)
            except Exception:  # a round that fails must not be the last one
                logger.exception("a round of the feed's keeper failed")
            await asyncio.sleep(TICK)

    def round(self) -> None:
        """Look once, and write down what changed."""
        loaded = self._loaded()
        if not loaded.document.feed.enabled:
            return
        if self._file is None:
            self._file = MemoryFile(loaded.state)
        self._file.refresh()
        if self._file.broken:
            return
        now = self._clock()
        before = self._file.memory or EMPTY
        after = advanced(before, [told.ending for told in endings(self._plan(), now)], now)
        if after is before:
            return
        try:
            self._file.keep(after, now)
        except (OSError, BrokenEntries) as error:
            if not self._said:
                logger.warning("the feed cannot remember dates, moved ones keep the sequence 0: %s", error)
            self._said = True
