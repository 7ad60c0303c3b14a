"""Who is calling: read once, before anything is decided."""

from __future__ import annotations

from collections.abc import Callable

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send, raw_path
from duskgate.middleware.exchange import exchange_of
from duskgate.policy.identify import ANONYMOUS, Who, identify
from duskgate.policy.plan import Identity, Plan
from duskgate.policy.request import Request

REMEMBERED = 4096
LONGEST = 256
"""Callers kept in mind, so that their keyed digest is not worked out for every request, and the bytes of the
longest value that is."""


class IdentityMiddleware:
    """Puts the plan in force, the request's facts and its caller into the exchange.

    ``plan`` gives the plan in force; asking once here lets a reload never change a request half way.
    """

    def __init__(self, app: ASGIApp, plan: Callable[[], Plan]) -> None:
        self.app = app
        self.plan = plan
        self._known: dict[bytes, Who] = {}
        self._known_of: Identity | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        plan = exchange.plan = self.plan()
        headers = scope["headers"]
        fields = dict(headers)
        exchange.who = who = self._who(plan.identity, fields)
        method = scope.get("method", "GET")  # a WebSocket handshake is a GET, RFC 6455 section 4.1
        client = scope.get("client")
        exchange.request = Request(
            method,
            raw_path(scope),
            scope["query_string"],
            headers,
            fields,
            who.consumer,
            who.label,
            peer=client[0] if client else "",
            key=who.key,
        )
        await self.app(scope, receive, send)

    def _who(self, identity: Identity, fields: dict[bytes, bytes]) -> Who:
        """``identify``, remembered for callers named by the first header: most are."""
        if not identity.callers:
            return ANONYMOUS
        value = fields.get(identity.callers[0].key)
        if not value or len(value) > LONGEST:
            return identify(identity, fields)
        if self._known_of is not identity or len(self._known) >= REMEMBERED:
            self._known, self._known_of = {}, identity
        who = self._known.get(value)
        if who is None:
            who = self._known[value] = identify(identity, fields)
        return who
