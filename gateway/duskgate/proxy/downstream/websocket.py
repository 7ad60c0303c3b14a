"""WebSocket handshakes go to the server library's own protocol, built on ``websockets`` (RFC 6455)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from duskgate.middleware.asgi import Scope

if TYPE_CHECKING:
    from duskgate.proxy.downstream.front import Connection, Front


def is_handshake(scope: Scope) -> bool:
    """Whether a request that asks for another protocol asks for this one, RFC 6455 section 4.2.1."""
    if scope["method"] != "GET" or scope["http_version"] != "1.1":
        return False
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in scope["headers"])


def hand_over(
    front: Front, connection: Connection, transport: asyncio.Transport, scope: Scope, rest: bytes
) -> None:
    """Go on with a connection as a WebSocket. ``rest`` is what came behind the handshake."""
    front.handed_over(connection)
    protocol = Caller(front, scope)
    protocol.connection_made(transport)
    transport.set_protocol(protocol)
    protocol.data_received(_handshake(scope))
    if rest:
        protocol.data_received(rest)


_SPOKEN = (b"host", b"upgrade", b"connection")


def _handshake(scope: Scope) -> bytes:
    """The handshake as the library is to see it: what it does not need could be more than it takes."""
    lines = [b"GET %b HTTP/1.1" % (scope["raw_path"] + b"?" + scope["query_string"]).rstrip(b"?")]
    lines += [
        name + b": " + value
        for name, value in scope["headers"]
        if name in _SPOKEN or name.startswith(b"sec-websocket-")
    ]
    return b"\r\n".join([*lines, b"\r\n"])


class Caller(WebSocketsSansIOProtocol):
    """A caller's WebSocket, with the handshake's own headers and target in its scope."""

    def __init__(self, front: Front, handshake: Scope) -> None:
        super().__init__(front.config, front.state, {}, front.loop)
        self._front = front
        self._handshake = handshake

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            own: Any = self.scope
            for word in ("path", "raw_path", "query_string", "headers"):
                own[word] = self._handshake[word]

    def data_received(self, data: bytes) -> None:
        """Nothing may come before the handshake is answered (RFC 6455 section 4.1), nor could it be read."""
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.abort()
        else:
            super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._front.on_end()
