"""Requests that no server should have let through are refused here, on every server alike."""

from __future__ import annotations

import re

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.exchange import exchange_of
from duskgate.policy.decision import BadRequest
from duskgate.policy.request import Request

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~%-]{1,255})(?::\d{0,5})?")
MOST_HEADERS = 200
"""HTTP/2 can carry many more lines than HTTP/1.1 servers take."""


REMEMBERED = 1024
LONGEST = 256
"""Well-formed hosts kept in mind, so that a host is not parsed for every request, and the bytes of the
longest one that is."""


class RequestCheckMiddleware:
    """Decides BadRequest for a broken ``Host`` or contradictory framing (RFC 9112 sections 3.2 and 6.3).

    Needs ``IdentityMiddleware`` outside it.
    """

    def __init__(self, app: ASGIApp, refuse: ASGIApp) -> None:
        """``refuse`` answers the requests that fail; ``app`` gets the others."""
        self.app = app
        self.refuse = refuse
        self._good_hosts: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        request = exchange.request
        if request is None:
            raise RuntimeError("RequestCheckMiddleware needs IdentityMiddleware outside it")
        reason = self._fault(request, scope["http_version"])
        if reason is None:
            await self.app(scope, receive, send)
            return
        exchange.decision = BadRequest(reason)
        await self.refuse(scope, receive, send)

    def _fault(self, request: Request, version: str) -> str | None:
        """``fault``, without reading an ordinary request's host and framing again."""
        fields = request.fields
        ordinary = (
            fields.get(b"host") in self._good_hosts
            and len(fields) == len(request.headers)
            and b"content-length" not in fields
            and b"transfer-encoding" not in fields
            and request.method != "CONNECT"
        )
        if ordinary:
            return None
        reason = fault(request, version)
        if reason is None and 0 < len(fields.get(b"host", b"")) <= LONGEST:
            if len(self._good_hosts) >= REMEMBERED:
                self._good_hosts.clear()
            self._good_hosts.add(fields[b"host"])
        return reason


def fault(request: Request, version: str) -> str | None:
    """What is wrong with a request's head, in words for the caller; ``None`` if nothing is."""
    if request.method == "CONNECT":
        return "this gateway is no tunnel: CONNECT is not served"
    if len(request.headers) > MOST_HEADERS:
        return f"the request has more than {MOST_HEADERS} headers"
    return _host_fault(request.values(b"host"), version) or _framing_fault(
        request.values(b"content-length"), request.values(b"transfer-encoding")
    )


def _host_fault(hosts: list[bytes], version: str) -> str | None:
    if len(hosts) > 1:
        return "the request has more than one Host"
    if not hosts or not hosts[0]:
        return None if version in ("1", "1.0") else "the request has no Host"
    return None if _HOST.fullmatch(hosts[0]) else "the Host is malformed"


def _framing_fault(lengths: list[bytes], codings: list[bytes]) -> str | None:
    if lengths and codings:
        return "the request has both Content-Length and Transfer-Encoding"
    if len(set(lengths)) > 1:
        return "the request has two different Content-Lengths"
    if lengths and not (lengths[0].isdigit() and len(lengths[0]) <= 18):
        return "the Content-Length is not a number"
    if codings and b",".join(codings).strip().lower() != b"chunked":
        return "the only transfer coding served is chunked"
    return None
