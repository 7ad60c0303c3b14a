"""Noticing that a caller hung up, or that a request takes too long in all.

At next to no cost for requests that are answered at once.
"""

from __future__ import annotations

import asyncio
from typing import Any

from duskgate.middleware.asgi import Receive
from duskgate.proxy.body import RequestBody

TICK = 0.05
"""Seconds between two looks at what is under way. A request that is answered within one is never watched."""


NEVER = float("inf")


class Watched:
    """A request under way.

    Its task is cancelled when its caller hangs up, then ``gone`` is set, or when it has taken longer than it
    may in all, then ``late`` is.
    """

    send_by = NEVER
    gone = False
    late = False
    seen = False
    watcher: asyncio.Task[None] | None = None

    def __init__(
        self, receive: Receive, body: RequestBody, deadline: float, task: asyncio.Task[Any] | None
    ) -> None:
        self.receive = receive
        self.body = body
        self.deadline = deadline
        self.task = task

    def sending(self, idle: float | None) -> None:
        """The caller is given a piece of the response and should take it within ``idle`` seconds."""
        if idle is not None:
            self.send_by = asyncio.get_running_loop().time() + idle

    def sent(self) -> None:
        """The caller took it."""
        self.send_by = NEVER


class DisconnectWatch:
    """Cancels the tasks whose callers disconnect or whose time is up, with one timer for all of them.

    Watching reads ``receive``, so it waits until the body has been read to its end; while a body is being
    read, its reader sees the disconnect itself.
    """

    def __init__(self) -> None:
        self._under_way: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, receive: Receive, body: RequestBody, longest: float | None) -> Watched:
        """Watch over the current task from the next tick but one on, until ``stop``.

        ``longest`` is how long it may take in all, in seconds.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()  # kept: asking costs a system call in Python 3.11
        deadline = NEVER if longest is None else loop.time() + longest
        watched = Watched(receive, body, deadline, asyncio.current_task(loop))
        self._under_way.add(watched)
        if self._timer is None:
            self._timer = loop.call_later(TICK, self._tick)
        return watched

    def stop(self, watched: Watched) -> None:
        """The task has ended, or will not be cancelled any more."""
        self._under_way.discard(watched)
        watched.task = None
        if watched.watcher is not None:
            watched.watcher.cancel()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for watched in self._under_way:
            if min(watched.deadline, watched.send_by) <= now and watched.task is not None:
                watched.late, watched.deadline, watched.send_by = True, NEVER, NEVER
                watched.task.cancel()
            elif watched.seen and watched.watcher is None and watched.body.ended:
                watched.watcher = loop.create_task(_watch(watched))
            watched.seen = True
        self._timer = loop.call_later(TICK, self._tick) if self._under_way else None


async def _watch(watched: Watched) -> None:
    while (await watched.receive())["type"] != "http.disconnect":
        pass
    if watched.task is not None:
        watched.gone = True
        watched.task.cancel()
