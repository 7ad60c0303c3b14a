"""Requests that no server should have let through are refused here, on every server alike."""

from __future__ import annotations

import re

from duskgate.middleware.asgi import ASGIApp, Receive, Scope, Send
from duskgate.middleware.exchange import exchange_of
from duskgate.policy.decision import BadRequest
from duskgate.policy.request import Header

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::\d{0,5})?")


class RequestCheckMiddleware:
    """Decides BadRequest for a broken ``Host`` or contradictory framing (RFC 9112 sections 3.2 and 6.3)."""

    def __init__(self, app: ASGIApp, refuse: ASGIApp) -> None:
        """``refuse`` answers the requests that fail; ``app`` gets the others."""
        self.app = app
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reason = fault(scope["headers"], scope["http_version"], scope.get("method", "GET"))
        if reason is None:
            await self.app(scope, receive, send)
            return
        exchange_of(scope).decision = BadRequest(reason)
        await self.refuse(scope, receive, send)


def fault(headers: list[Header], version: str, method: str) -> str | None:
    """What is wrong with a request's head, in words for the caller; ``None`` if nothing is."""
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
    if method == "CONNECT":
        return "this gateway is no tunnel: CONNECT is not served"
    return _host_fault(hosts, version) or (_framing_fault(lengths, codings) if lengths or codings else None)


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
