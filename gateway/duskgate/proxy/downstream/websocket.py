"""WebSocket handshakes go to the server library's own protocol, built on ``websockets`` (RFC 6455)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

from duskgate.middleware.asgi import Scope
from duskgate.proxy.deadlines import NEVER
from duskgate.proxy.downstream.incoming import SMALL
from duskgate.proxy.downstream.limits import SLICE
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
    protocol.open(_handshake(scope))
    if rest:
        protocol.data_received(rest)


_SPOKEN = frozenset(
    (
        b"host",
        b"upgrade",
        b"connection",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-protocol",
    )
)


def _handshake(scope: Scope) -> bytes:
    """The handshake as the library is to see it: what it does not need could be more than it takes."""
    lines = [b"%b: %b" % header for header in scope["headers"] if header[0] in _SPOKEN]
    return b"\r\n".join([b"GET / HTTP/1.1", *lines, b"\r\n"])


class Caller(WebSocketsSansIOProtocol):
    """A caller's WebSocket, with the handshake's own headers and target in its scope.

    Once it is being closed, a caller that takes nothing of what is left for a while is let go. Nothing more
    is read while messages wait for the application, or answers to pings for the caller.
    """

    def __init__(self, front: Front, handshake: Scope) -> None:
        super().__init__(front.config, front.state, {}, front.loop)
        self._front = front
        self._handshake = handshake
        self._held = b""
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

    def open(self, handshake: bytes) -> None:
        """Take the handshake, whole."""
        super().data_received(handshake)
        if not self.handshake_initiated:  # more than the library takes; it has an answer ready
            self.handshake_complete = self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            own: Any = self.scope
            for word in ("path", "raw_path", "query_string", "headers"):
                own[word] = self._handshake[word]

    def data_received(self, data: bytes) -> None:
        """Nothing may come before the handshake is answered (RFC 6455 section 4.1), nor could it be read."""
        if not self.handshake_complete:
            self.transport.abort()
            return
        self._held += data
        self._go_on()

    def _go_on(self) -> None:
        """Look at what was read, in slices, until a message is there or the caller takes nothing more.

        All that is in a slice is kept until its turn comes, and each ping is answered.
        """
        (held, self._held), at = (self._held, b""), 0
        while at < len(held) and self._may_go_on():
            super().data_received(held[at : at + SLICE])
            at += SLICE
        if self.transport.is_closing():
            return
        self._held = held[at:]
        if self._held or not self._may_go_on():
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _may_go_on(self) -> bool:
        return not self.read_paused and self.writable.is_set() and not self.transport.is_closing()

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on()

    async def receive(self) -> ASGIReceiveEvent:
        """The next message."""
        message = await super().receive()
        more = self._held or not self.writable.is_set()
        if more and not self.read_paused and not self.transport.is_closing():
            self.transport.pause_reading()
            self.loop.call_soon(self._go_on)  # in another turn, so that others have theirs
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message, the end, or a part of a refusal."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # or the library says that nobody answered it
        elif message["type"] == "websocket.close":
            self._go_on()

    def handle_cont(self, event: Frame) -> None:
        """Join small pieces of a message: each one costs more than what is in it."""
        frames = self.frames
        if frames and len(frames[-1]) + len(event.data) <= SMALL:
            frames[-1] = bytes(frames[-1]) + bytes(event.data)
            if event.fin:
                self.send_receive_event_to_app()
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Take a whole message. A text that is none ends the WebSocket, RFC 6455 section 8.1."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(self.frames):
            self.frames = []
            if self.conn.state is State.OPEN:
                self.conn.send_close(1007)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def shutdown(self) -> None:
        if not self.transport.is_closing():  # otherwise it has its end already, and its deadline
            super().shutdown()

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._held = b""
        super().connection_lost(exc)
        self._front.left(self)


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
