"""WebSocket handshakes go to the server library's own protocol, built on ``websockets`` (RFC 6455)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from duskgate.middleware.asgi import Scope
from duskgate.proxy.deadlines import NEVER
from duskgate.proxy.downstream.unsent import unsent
from duskgate.proxy.upstream.websocket import MOST_UNSENT

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
    transport.set_write_buffer_limits(MOST_UNSENT)
    front.joined(protocol)
    transport.set_protocol(protocol)
    protocol.data_received(_handshake(scope))
    if rest:
        protocol.data_received(rest)


SLICE = 8 * 1024
"""Bytes given to the library at once; the smallest messages in them take half a megabyte."""

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

    Once it is being closed, a caller that takes nothing of what is left for a while is let go. Nothing more
    is read while messages wait for the application, or answers to pings for the caller.
    """

    def __init__(self, front: Front, handshake: Scope) -> None:
        super().__init__(front.config, front.state, {}, front.loop)
        self._front = front
        self._handshake = handshake
        self._unsent = 0
        self._deadline = NEVER
        self._held = b""
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
            return
        self._held += data
        self._read_on()

    def _read_on(self) -> None:
        """Hand what came to the library, in pieces: it makes messages of all that it is given at once."""
        while self._held and not self.read_paused and not self.transport.is_closing():
            piece, self._held = self._held[:SLICE], self._held[SLICE:]
            super().data_received(piece)

    async def receive(self) -> ASGIReceiveEvent:
        """The next message."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.loop.call_soon(self._go_on)  # after what others do: one caller may have sent thousands
        return message

    def _go_on(self) -> None:
        self.read_paused = False
        self._read_on()
        self._resume()

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message, or the end: then what is held may be the answer to it."""
        await super().send(message)
        if self.close_sent:
            self._read_on()

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._resume()

    def _resume(self) -> None:
        if not self.read_paused and self.writable.is_set() and not self.transport.is_closing():
            self.transport.resume_reading()

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._front.left(self)
