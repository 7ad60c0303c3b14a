"""Answering as if it were another moment, for callers who may ask for that.

``Duskgate-At: 2027-01-01T00:00:00Z`` with ``Duskgate-Token: <the key>`` beside it, or with a signature::

    Duskgate-At: 2027-01-01T00:00:00Z; until=2026-12-01T09:00:00Z; signature=<hex>

The signature is HMAC-SHA256 (RFC 2104) of ``at`` and ``until`` with the key, so that somebody may rehearse
for a while without having the key itself. Whoever is not authorised is answered as if nothing had been asked.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from duskgate.middleware.asgi import STARTS, ASGIApp, Message, Receive, Scope, Send
from duskgate.middleware.clock import Clock, system_clock
from duskgate.middleware.exchange import exchange_of
from duskgate.policy.instants import instant_of_text, rfc3339
from duskgate.policy.request import Header

AT, TOKEN = b"duskgate-at", b"duskgate-token"
_LONGEST = 256


class RehearsalMiddleware:
    """Notes in the exchange which moment to decide for. Stands outside ``IdentityMiddleware``.

    What was asked for is taken out of the request, so that no backend sees the token. The answer names the
    moment and must not be stored: a cache would give it to everybody.
    """

    def __init__(self, app: ASGIApp, key: bytes, clock: Clock = system_clock) -> None:
        """``key`` is the token and signs; it must not be empty."""
        if not key:
            raise ValueError("a rehearsal needs a key")
        self.app = app
        self.key = key
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        asked = [header for header in headers if header[0] in (AT, TOKEN)]
        if not asked:
            await self.app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        scope = {**scope, "headers": [header for header in headers if header[0] not in (AT, TOKEN)]}
        at = authorised(asked, self.key, self.clock())
        if at is None:
            await self.app(scope, receive, send)
            return
        exchange.at = at
        marks = [(AT, rfc3339(at).encode()), (b"cache-control", b"no-store")]

        async def marked(message: Message) -> None:
            if message["type"] in STARTS:
                kept = [one for one in message.get("headers", ()) if one[0] not in (AT, b"cache-control")]
                message["headers"] = [*kept, *marks]
            await send(message)

        await self.app(scope, receive, marked)


def authorised(headers: Iterable[Header], key: bytes, now: int) -> int | None:
    """The moment asked for (ms), by somebody who may ask; else ``None``. ``now`` in ms."""
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in values or len(value) > _LONGEST:
            return None
        values[name] = value
    text, *parts = [part.strip() for part in values.get(AT, b"").decode("latin-1").split(";")]
    try:
        at = instant_of_text(text)
        if TOKEN in values:
            return at if hmac.compare_digest(values[TOKEN], key) else None
        given = dict(part.split("=", 1) for part in parts)
        until = instant_of_text(given["until"])
    except (ValueError, KeyError, OverflowError):
        return None
    sound = hmac.compare_digest(given.get("signature", "").encode(), signature(key, at, until).encode())
    return at if sound and now < until else None


def signature(key: bytes, at: int, until: int) -> str:
    """What lets somebody without the key ask for ``at`` until ``until`` (both ms)."""
    return hmac.new(key, f"{rfc3339(at)} {rfc3339(until)}".encode(), hashlib.sha256).hexdigest()


def signed(key: bytes, at: int, until: int) -> str:
    """The whole value of a ``Duskgate-At`` that needs no token."""
    return f"{rfc3339(at)}; until={rfc3339(until)}; signature={signature(key, at, until)}"
