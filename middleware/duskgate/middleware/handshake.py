"""WebSocket handshakes are answered with each header name once."""

from __future__ import annotations

from duskgate.middleware.asgi import ASGIApp, Message, Receive, Scope, Send
from duskgate.policy.request import Header

_ANSWERS = frozenset(("websocket.http.response.start", "websocket.accept"))


class HandshakeMiddleware:
    """Joins the lines of a header into one, RFC 9110 section 5.3: granian fails on a name that comes twice.

    ``Set-Cookie`` is the one header that cannot be joined; only its first line is kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        async def joined(message: Message) -> None:
            if message["type"] in _ANSWERS:
                message["headers"] = join(message.get("headers", ()))
            await send(message)

        await self.app(scope, receive, joined)


def join(headers: list[Header]) -> list[Header]:
    """One line for each name, in the order in which the names first come."""
    lines: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in lines:
            lines[name] = value
        elif name != b"set-cookie":
            lines[name] += b", " + value
    return list(lines.items())
