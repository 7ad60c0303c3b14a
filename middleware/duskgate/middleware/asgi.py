"""The ASGI types used here, and sending a whole answer in them (ASGI 3.0)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duskgate.policy.request import Header

__all__ = ["STARTS", "ASGIApp", "Message", "Receive", "Scope", "Send", "answer", "raw_path"]

STARTS = frozenset(("http.response.start", "websocket.http.response.start", "websocket.accept"))
"""The messages that hold the head of an answer."""


def raw_path(scope: Scope) -> bytes:
    """The path as it was sent, still encoded. Servers that do not give it get the closest thing to it."""
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        raw = quote(scope["path"], safe="/:@!$&'()*+,;=~-._").encode()
    return raw.split(b"?", 1)[0]


async def answer(scope: Scope, send: Send, status: int, headers: Sequence[Header], body: bytes) -> None:
    """Send a complete response to a request, or to a WebSocket handshake that is thereby refused."""
    lines = [*headers, (b"content-length", str(len(body)).encode())]
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})
    elif "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": lines})
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
