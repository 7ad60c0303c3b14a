"""WebSocket handshakes go to the server library's own protocol, built on ``websockets`` (RFC 6455)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from duskgate.middleware.asgi import Scope
from duskgate.proxy.deadlines import NEVER
from duskgate.proxy.downstream.unsent import unsent

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
    front.joined(protocol)
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
    """A caller's WebSocket, with the handshake's own headers and target in its scope.

    Once it is being closed, a caller that takes nothing of what is left for a while is let go.
    """

    def __init__(self, front: Front, handshake: Scope) -> None:
        super().__init__(front.config, front.state, {}, front.loop)
        self._front = front
        self._handshake = handshake
        self._unsent = 0
        self._deadline = NEVER
        self.close_timeout = front.limits.linger_seconds

    @property
    def deadline(self) -> float:
        """Looked at once in a while; only then is it noticed that the library is closing the connection."""
        if self._deadline == NEVER and self.transport.is_closing():
            self._await_taking()
        return self._deadline

    def _await_taking(self) -> None:
        self._unsent = unsent(self.transport)
        self._deadline = self.loop.time() + self._front.limits.linger_seconds

    def timed_out(self) -> None:
        """A while has passed."""
        if unsent(self.transport) < self._unsent:
            self._await_taking()
        else:
            self.transport.abort()

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

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._front.left(self)
