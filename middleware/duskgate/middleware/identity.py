"""Who is calling: read once, before anything is decided."""

from __future__ import annotations

from collections.abc import Callable

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send, raw_path
from duskgate.middleware.exchange import exchange_of
from duskgate.policy.identify import identify
from duskgate.policy.plan import Plan
from duskgate.policy.request import Request


class IdentityMiddleware:
    """Puts the plan in force, the request's facts and its caller into the exchange.

    ``plan`` gives the plan in force; asking once here lets a reload never change a request half way.
    """

    def __init__(self, app: ASGIApp, plan: Callable[[], Plan]) -> None:
        self.app = app
        self.plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        plan = exchange.plan = self.plan()
        headers = scope["headers"]
        fields = dict(headers)
        exchange.who = who = identify(plan.identity, fields)
        method = scope.get("method", "GET")  # a WebSocket handshake is a GET, RFC 6455 section 4.1
        exchange.request = Request(
            method, raw_path(scope), scope["query_string"], headers, fields, who.consumer
        )
        await self.app(scope, receive, send)
