"""Telling callers: puts the decision's marks on whatever answer goes out, and notes its status."""

from __future__ import annotations

from duskgate.middleware.asgi import ASGIApp, Message, Receive, Scope, Send
from duskgate.middleware.exchange import Exchange, exchange_of
from duskgate.middleware.handshake import join
from duskgate.policy.decision import BadRequest, NotFound, UnknownVersion, VersionConflict
from duskgate.policy.marks import apply

SWITCHED = 101
"""The status that stands for a WebSocket that was accepted."""

_HANDSHAKE = frozenset(("websocket.http.response.start", "websocket.accept"))
_WITHOUT_RULE = (NotFound, UnknownVersion, VersionConflict, BadRequest)


class NoticesMiddleware:
    """Adds ``Deprecation``, ``Sunset``, ``Link``, ``Vary`` and caching to answers made under a rule.

    It stands outside every room that answers, so none can forget: the backend's answers, refusals, and the
    gateway's own errors all pass here. The decision is looked up when the answer begins, since the rooms
    inside make it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)

        async def marked(message: Message) -> None:
            kind = message["type"]
            if kind == "http.response.start":
                exchange.status = message["status"]
                mark(exchange, message)
            elif kind in _HANDSHAKE:
                exchange.status = message.get("status", SWITCHED)
                mark(exchange, message)
                message["headers"] = join(message.get("headers", ()))
            await send(message)

        await self.app(scope, receive, marked)


def mark(exchange: Exchange, message: Message) -> None:
    """Put the marks on the head of an answer, if it is made under a rule."""
    decision = exchange.decision
    if decision is not None and not isinstance(decision, _WITHOUT_RULE):
        message["headers"] = apply(decision.marks, message.get("headers", ()), decision.successor)
