"""Counting: hands every finished request to a recorder, whatever became of it."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.exchange import Exchange, exchange_of


class Recorder(Protocol):
    """Takes note of a finished request. Must neither block nor raise."""

    def record(self, scope: Scope, exchange: Exchange, seconds: float) -> None: ...


class UsageMiddleware:
    """The outermost room: sees how everything ended, and the whole time it took."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self.app = app
        self.recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        started = perf_counter()
        try:
            await self.app(scope, receive, send)
        finally:
            self.recorder.record(scope, exchange, perf_counter() - started)
