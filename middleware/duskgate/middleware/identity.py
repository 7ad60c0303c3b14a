"""Who is calling: read once, before anything is decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send, raw_path
from duskgate.middleware.exchange import exchange_of
from duskgate.policy.callers import ByHeader
from duskgate.policy.identify import ANONYMOUS, ReadClaim, Who, identify, no_claim
from duskgate.policy.plan import Identity, Plan
from duskgate.policy.request import Header, Request

REMEMBERED = 4096
LONGEST = 256
"""Callers kept in mind, so that their keyed digest is not worked out for every request, and the bytes of the
longest value that is."""


class IdentityMiddleware:
    """Puts the plan in force, the request's facts and its caller into the exchange.

    ``plan`` gives the plan in force; asking once here lets a reload never change a request half way.
    ``claim`` verifies tokens: without it none names a caller.
    """

    def __init__(self, app: ASGIApp, plan: Callable[[], Plan], claim: ReadClaim = no_claim) -> None:
        self.app = app
        self.plan = plan
        self.claim = claim
        self._known: dict[bytes, Who] = {}
        self._known_of: Identity | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        plan = exchange.plan = self.plan()
        headers = scope["headers"]
        fields = dict(headers)
        client = scope.get("client")
        peer = client[0] if client else ""
        exchange.who = who = self._who(plan.identity, fields, headers, peer)
        method = scope.get("method", "GET")  # a WebSocket handshake is a GET, RFC 6455 section 4.1
        exchange.request = Request(
            method,
            raw_path(scope),
            scope["query_string"],
            headers,
            fields,
            who.consumer,
            who.label,
            peer,
            plan.identity.peers.trusts(peer),
            who.key,
        )
        await self.app(scope, receive, send)

    def _who(
        self, identity: Identity, fields: dict[bytes, bytes], headers: Sequence[Header], peer: str
    ) -> Who:
        """``identify``, remembered for callers named by the first header: most are."""
        if not identity.callers:
            return ANONYMOUS
        first = identity.callers[0]
        value = fields.get(first.key) if isinstance(first, ByHeader) else None
        if not value or len(value) > LONGEST:
            return identify(identity, fields, headers, peer, self.claim)
        if self._known_of is not identity or len(self._known) >= REMEMBERED:
            self._known, self._known_of = {}, identity
        who = self._known.get(value)
        if who is None:
            who = self._known[value] = identify(identity, fields)
        return who
