"""Noticing that the caller hung up, at no cost for requests that are answered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from duskgate.middleware.asgi import Receive

AFTER = 0.05
"""Seconds a request must have been under way before anyone watches for its caller's hang-up."""


class DisconnectWatch:
    """Cancels the task that started it when the caller disconnects.

    Watching reads ``receive``, so it waits until the body has been read to its end; while a body is being
    read, its reader sees the disconnect itself.
    """

    __slots__ = ("_body_ended", "_owner", "_receive", "_task", "_timer", "fired")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._owner: asyncio.Task[Any] | None = None
        self.fired = False

    def start(self, body_ended: Callable[[], bool]) -> None:
        """Begin to watch in a while."""
        self._body_ended = body_ended
        self._owner = asyncio.current_task()
        self._later()

    def stop(self) -> None:
        """Stop watching; the owner is not cancelled any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._owner = None

    def _later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(AFTER, self._begin)

    def _begin(self) -> None:
        if self._body_ended():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        else:
            self._later()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._owner is not None:
            self.fired = True
            self._owner.cancel()
