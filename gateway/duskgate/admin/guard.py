"""Who may use the admin port, and for what.

With ``admin.token`` set, nothing but health is shown without it. Without one the port is on loopback only
(``duskgate check`` sees to that); then whoever is on the machine may, but no web page in a browser there.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Handler = Callable[[Request], Awaitable[Response]]

PROBLEM = "application/problem+json"


def refusal(status: int, title: str, detail: str = "", headers: dict[str, str] | None = None) -> Response:
    """A problem of the admin port, RFC 9457."""
    body = {"title": title, "status": status, **({"detail": detail} if detail else {})}
    return JSONResponse(body, status, headers, PROBLEM)


class Guard:
    """Lets requests through to handlers, or refuses them. ``token`` may be empty."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def shown(self, handler: Handler) -> Handler:
        """A handler that only shows something."""

        async def guarded(request: Request) -> Response:
            return await handler(request) if self._known(request) else _who()

        return guarded

    def changed(self, handler: Handler) -> Handler:
        """A handler that changes something: JSON only, and never on behalf of a foreign web page."""

        async def guarded(request: Request) -> Response:
            if not self._known(request):
                return _who()
            if not self._token and not _from_here(request):
                return refusal(403, "Not from a web page", "set admin.token to use the admin port from pages")
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return refusal(415, "JSON only", "send the body with Content-Type: application/json")
            return await handler(request)

        return guarded

    def _known(self, request: Request) -> bool:
        if not self._token:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)


def _who() -> Response:
    headers = {"WWW-Authenticate": 'Bearer realm="duskgate admin"'}
    return refusal(401, "The admin token is missing or wrong", headers=headers)


def _from_here(request: Request) -> bool:
    """Not sent by a page from elsewhere: no foreign ``Origin``, and no name that was made to point here."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    host = request.url.hostname or ""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
