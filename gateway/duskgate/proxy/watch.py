"""Noticing that the caller hung up, at next to no cost for requests that are answered at once."""

from __future__ import annotations

import asyncio
from typing import Any

from duskgate.middleware.asgi import Receive
from duskgate.proxy.body import RequestBody

TICK = 0.05
"""Seconds between two looks at what is under way. A request that is answered within one is never watched."""


class Watched:
    """A request under way. ``fired``: its caller hung up, and its task was cancelled for that."""

    __slots__ = ("body", "fired", "receive", "seen", "task", "watcher")

    def __init__(self, receive: Receive, body: RequestBody) -> None:
        self.receive = receive
        self.body = body
        self.fired = False
        self.seen = False
        self.task: asyncio.Task[Any] | None = None
        self.watcher: asyncio.Task[None] | None = None


class DisconnectWatch:
    """Cancels the tasks whose callers disconnect, with one timer for all of them.

    Watching reads ``receive``, so it waits until the body has been read to its end; while a body is being
    read, its reader sees the disconnect itself.
    """

    def __init__(self) -> None:
        self._under_way: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, receive: Receive, body: RequestBody) -> Watched:
        """Watch over the current task from the next tick but one on, until ``stop``."""
        watched = Watched(receive, body)
        watched.task = asyncio.current_task()
        self._under_way.add(watched)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        return watched

    def stop(self, watched: Watched) -> None:
        """The task has ended, or will not be cancelled any more."""
        self._under_way.discard(watched)
        watched.task = None
        if watched.watcher is not None:
            watched.watcher.cancel()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        for watched in self._under_way:
            if watched.seen and watched.watcher is None and watched.body.ended:
                watched.watcher = loop.create_task(_watch(watched))
            watched.seen = True
        self._timer = loop.call_later(TICK, self._tick) if self._under_way else None


async def _watch(watched: Watched) -> None:
    while (await watched.receive())["type"] != "http.disconnect":
        pass
    if watched.task is not None:
        watched.fired = True
        watched.task.cancel()
