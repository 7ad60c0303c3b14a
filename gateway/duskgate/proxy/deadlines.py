"""Timeouts for many connections at the price of one timer.

Setting a timer for each request costs more than the rest of its bookkeeping. So a connection only notes its
deadline, and one tick looks at all of them. A timeout therefore fires up to a tick late.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

TICK = 0.1
NEVER = float("inf")


class Timed(Protocol):
    """Something with a deadline, in the event loop's time."""

    @property
    def deadline(self) -> float: ...

    def timed_out(self) -> None: ...


class Deadlines:
    """Connections that must not wait for ever. ``tick`` is the time between two looks, in seconds."""

    def __init__(self, tick: float = TICK) -> None:
        self._tick_seconds = tick
        self._watched: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, one: Timed) -> None:
        """Watch over its deadline from now on."""
        self._watched.add(one)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._tick_seconds, self._tick)

    def remove(self, one: Timed) -> None:
        """Stop watching."""
        self._watched.discard(one)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer = loop.call_later(self._tick_seconds, self._tick) if self._watched else None
        for late in [one for one in self._watched if one.deadline <= now]:
            late.timed_out()
