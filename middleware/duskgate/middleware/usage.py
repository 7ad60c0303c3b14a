"""Counting: hands every finished request to a recorder, whatever became of it."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

from duskgate.middleware.asgi import ASGIApp, Message, Receive, Scope, Send
from duskgate.middleware.exchange import Exchange, exchange_of

_STARTS = frozenset(("http.response.start", "websocket.http.response.start"))
SWITCHED = 101
"""The status that stands for a WebSocket that was accepted."""


class Recorder(Protocol):
    """Takes note of a finished request. Must neither block nor raise."""

    def record(self, scope: Scope, exchange: Exchange, seconds: float) -> None: ...


class UsageMiddleware:
    """The outermost room: sees the final status and the whole time."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self.app = app
        self.recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        started = perf_counter()

        async def noted(message: Message) -> None:
            kind = message["type"]
            if kind in _STARTS:
                exchange.status = message["status"]
            elif kind == "websocket.accept":
                exchange.status = SWITCHED
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            self.recorder.record(scope, exchange, perf_counter() - started)
