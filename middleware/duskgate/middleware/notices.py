"""Telling callers: puts the decision's marks on whatever answer goes out."""

from __future__ import annotations

from duskgate.middleware.asgi import ASGIApp, Message, Receive, Scope, Send
from duskgate.middleware.exchange import exchange_of
from duskgate.policy.decision import BadRequest, NotFound, UnknownVersion, VersionConflict
from duskgate.policy.marks import apply

_STARTS = frozenset(("http.response.start", "websocket.http.response.start", "websocket.accept"))


class NoticesMiddleware:
    """Adds ``Deprecation``, ``Sunset``, ``Link``, ``Vary`` and caching to answers made under a rule.

    Covers every answer: the backend's, refusals, and the gateway's own errors. Needs
    ``DecisionMiddleware`` outside it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        decision = exchange_of(scope).decision
        if decision is None or isinstance(decision, (NotFound, UnknownVersion, VersionConflict, BadRequest)):
            await self.app(scope, receive, send)
            return
        marks, successor = decision.marks, decision.successor

        async def marked(message: Message) -> None:
            if message["type"] in _STARTS:
                message["headers"] = apply(marks, message.get("headers", ()), successor)
            await send(message)

        await self.app(scope, receive, marked)
