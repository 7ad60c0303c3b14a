"""A worker's server: uvicorn's life cycle around connections of our own."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from duskgate.middleware.asgi import ASGIApp
from duskgate.proxy.downstream.front import Front
from duskgate.proxy.downstream.http1 import Http1
from duskgate.proxy.downstream.limits import Limits
from duskgate.proxy.downstream.listener import Listener
from duskgate.proxy.downstream.refusals import Refusals

TICK = 1.0
"""Seconds between two looks at connections that say nothing."""


class FrontServer(uvicorn.Server):
    """Serves an ASGI application on listening sockets until SIGTERM or SIGINT, then drains."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_connections: int,
        refusals: Refusals,
        drain_seconds: float | None = None,
        limits: Limits | None = None,
        tick: float = TICK,
    ) -> None:
        """``drain_seconds``: how long requests may go on after the end has begun; ``None`` for ever."""
        config = uvicorn.Config(
            app,
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
        )
        super().__init__(config)
        self._app = app
        self._most = max_connections
        self._refusals = refusals
        self._limits = limits or Limits()
        self._tick = tick
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then listen."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        front = Front(self._app, self.config, self.server_state, self._limits, self._refusals, self._tick)
        listeners = [Listener(one, lambda: Http1(front), self._most) for one in sockets or ()]
        for listener in listeners:
            front.on_end = listener.left
        self._front = front
        self.servers = listeners  # type: ignore[assignment]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and end what is open as soon as it may end."""
        self._front.stopping = True
        if self._drain_seconds is not None:
            asyncio.get_running_loop().call_later(self._drain_seconds, self._front.cut_off)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Without raising them again once all is done: a worker that was asked to stop ends well."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
