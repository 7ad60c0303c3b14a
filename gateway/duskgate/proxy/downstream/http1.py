"""One caller's connection: HTTP/1.1 (RFC 9112), parsed by llhttp, one request answered after the other.

Data flows at the slower side's pace: reading pauses while nobody takes a body, and while requests wait for
the one before them to be answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any
from urllib.parse import unquote

import httptools

from duskgate.middleware.asgi import Scope
from duskgate.policy.request import Header
from duskgate.proxy.deadlines import NEVER
from duskgate.proxy.downstream.front import Front
from duskgate.proxy.downstream.incoming import Incoming
from duskgate.proxy.downstream.limits import SLICE
from duskgate.proxy.downstream.target import METHODS, read_target, with_known_method
from duskgate.proxy.downstream.unsent import hung_up, unsent
from duskgate.proxy.downstream.websocket import hand_over, is_handshake

_SERVED = frozenset(("1.1", "1.0"))
_FRAMING = (b"content-length", b"transfer-encoding")

LOOK_SECONDS = 1.0
"""How often it is looked whether a caller hung up of whom nothing is read: no event would tell."""


class Refused(Exception):
    """The head asks for more than there is; ``status`` says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Http1(asyncio.Protocol):
    """A connection from ``connection_made`` to ``connection_lost``.

    ``blocked`` is there while the caller takes nothing more. ``deadline`` is when it has to have gone on.
    """

    def __init__(self, front: Front) -> None:
        self._front = front
        self._limits = front.limits
        self._loop = front.loop
        self._transport: Any = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self._base: Scope = {}
        self.blocked: asyncio.Future[None] | None = None
        self.deadline = NEVER
        # the request that is being answered, those behind it, and the one whose content still comes
        self._current: Incoming | None = None
        self._waiting: deque[Incoming] = deque()
        self._receiving: Incoming | None = None
        self._held = b""
        self._paused = False
        self._unsent = 0
        # the head that is being read
        self._in_head = False
        self._target = b""
        self._method: str | None = None
        self._headers: list[Header] = []
        self._head_bytes = 0
        self._handshake: Scope | None = None
        # another protocol was asked for that is not spoken: see _decline
        self._declined = False
        self._replaying = False
        # bytes that came since the last content of the request that is being received
        self._barren = 0
        # nothing that still comes is looked at; no request is taken after those under way
        self._deaf = False
        self._closing = False

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._base = self._front.scope_of(transport)
        self.deadline = self._loop.time() + self._limits.head_seconds
        self._closing = self._front.stopping
        self._front.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        self._front.left(self)
        self.resume_writing()
        if self._current is not None:
            self._current.break_off(gone=True)
        self._waiting.clear()  # nobody is there to be answered
        self._let_go()

    def _let_go(self) -> None:
        """Drop what is large, and the parser, which refers back: a cycle would wait for the collector."""
        self._parser = self._receiving = self._handshake = None
        self._held = self._target = b""
        self._headers = []

    def eof_received(self) -> None:
        """Half a connection is none: nobody could tell a caller that waits from one that left."""
        self._close()

    def pause_writing(self) -> None:
        self.blocked = self._loop.create_future()

    def resume_writing(self) -> None:
        blocked, self.blocked = self.blocked, None
        if blocked is not None and not blocked.done():
            blocked.set_result(None)
        if self._current is None and not self._deaf:
            self._next()

    def data_received(self, data: bytes) -> None:
        while data and not self._deaf:
            if self._receiving is not self._current or (self._current is None and self.blocked is not None):
                self._held += data
                if len(self._held) > SLICE:  # a few bytes more are read, or nobody would notice an end
                    self.pause()
                return
            size = SLICE
            if self._receiving is not None and len(data) > size:
                size = max(size, self._receiving.left)
            piece, data = (data, b"") if len(data) <= size else (data[:size], data[size:])
            data = self._parse(piece, data)

    def _parse(self, data: bytes, behind: bytes) -> bytes:
        """Feed the parser. ``behind`` is what follows; what is to be parsed next is returned."""
        if not self._in_head and self._receiving is None:
            data, self._method = with_known_method(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgraded(data[upgrade.args[0] :] + behind)
        except httptools.HttpParserError as error:
            self._broken(error.__context__)
            return b""
        if self._in_head:
            self._bound_head(len(data))
        elif self._receiving is not None:
            self._barren += len(data)
            if self._barren > self._limits.head + len(data):  # chunks' extensions, or trailers without end
                self._broken(None)
        return behind

    def _bound_head(self, more: int) -> None:
        """Refuse an unfinished head that is too large already."""
        self._head_bytes += more
        if len(self._target) > self._limits.target:
            self._refuse(414)
        elif self._head_bytes > self._limits.head or len(self._headers) > self._limits.headers:
            self._refuse(431)

    # what llhttp calls

    def on_message_begin(self) -> None:
        if self._replaying:
            return
        self._in_head = True
        self._target = b""
        self._headers = []
        self._head_bytes = 0
        if self._current is None:
            self.deadline = self._loop.time() + self._limits.head_seconds
        elif len(self._waiting) >= self._limits.pipelined:
            raise Refused(400)

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: dropped, RFC 9110 section 6.5.1
        if value[-1:] in b" \t":
            value = value.rstrip(b" \t")  # llhttp leaves the white space behind a value, RFC 9112 section 5
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._replaying:
            return
        self._in_head = False
        headers, limits, parser = self._headers, self._limits, self._parser
        if len(headers) > limits.headers:
            raise Refused(431)
        if len(self._target) > limits.target:
            raise Refused(414)
        version = parser.get_http_version()
        if version not in _SERVED:
            raise Refused(505)
        if version == "1.0" and any(name == b"transfer-encoding" for name, _ in headers):
            raise Refused(
                400
            )  # HTTP/1.0 knows none: somebody on the way has misread it, RFC 9112 section 6.1
        path, query, authority = read_target(self._target)
        if authority is not None:
            headers = [(b"host", authority), *(header for header in headers if header[0] != b"host")]
        text = path.decode("latin-1")
        scope = {
            **self._base,
            "http_version": version,
            "method": self._method or METHODS[parser.get_method()],
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "headers": headers,
        }
        self._method = None
        upgrade = parser.should_upgrade()
        if upgrade and is_handshake(scope):
            self._handshake = scope
            return
        tunnel = scope["method"] == "CONNECT"
        self._declined = upgrade and not tunnel
        keep_alive = parser.should_keep_alive() and not tunnel and not self._closing
        self._take(Incoming(self, self._loop, scope, self._front.date, limits.unread, keep_alive=keep_alive))

    def _take(self, incoming: Incoming) -> None:
        self._receiving = incoming
        self._barren = 0
        if self._current is None:
            self._start(incoming)
        else:
            self._waiting.append(incoming)

    def _start(self, incoming: Incoming) -> None:
        self._current = incoming
        self.deadline = NEVER if not self._paused else self._loop.time() + LOOK_SECONDS
        incoming.task = self._loop.create_task(incoming.run(self._front.app))

    def on_body(self, body: bytes) -> None:
        if self._receiving is not None:
            self._barren = 0
            self._receiving.feed(body)

    def on_message_complete(self) -> None:
        if self._declined:
            return  # to the parser another protocol begins here; see _decline
        receiving, self._receiving = self._receiving, None
        if receiving is not None:
            receiving.end()

    # what goes wrong, and what ends

    def _broken(self, cause: BaseException | None) -> None:
        if self._receiving is not None:
            self._receiving.break_off(gone=False)  # the application answers
            self._receiving = None
            self._hear_no_more()
        elif self._current is not None:
            self._hear_no_more()  # what is behind a request under way cannot be answered before it
        else:
            self._refuse(cause.status if isinstance(cause, Refused) else 400)

    def _hear_no_more(self) -> None:
        self._deaf = True
        self._held = b""
        last = self._waiting[-1] if self._waiting else self._current
        if last is not None:
            last.keep_alive = False

    def _refuse(self, status: int) -> None:
        """Answer for the application, if nothing is under way before it, and end the connection."""
        if self._current is not None:
            self._hear_no_more()
            return
        self._transport.write(self._front.refusals.answer(status, self._front.date))
        self._linger()

    def _linger(self) -> None:
        """Close, but first take what the caller still sends: a reset would take the answer from it."""
        self._deaf = True
        self._held = b""
        self.resume()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._await_taking()

    def _close(self) -> None:
        """Close as soon as what is written has been taken."""
        self._deaf = True
        self._transport.close()
        self._await_taking()

    def _await_taking(self) -> None:
        """Give the caller a while to take some of what is written, see ``timed_out``."""
        self._unsent = unsent(self._transport)
        self.deadline = self._loop.time() + self._limits.linger_seconds

    def _upgraded(self, rest: bytes) -> bytes:
        if self._declined:
            self._decline()
            return rest
        handshake, self._handshake = self._handshake, None
        if handshake is None or self._current is not None:
            self._hear_no_more()
        elif self._closing:
            self._refuse(503)
        else:
            hand_over(self._front, self, self._transport, handshake, rest)
            self._let_go()
        return b""

    def _decline(self) -> None:
        """Go on with HTTP/1.1 where another protocol was asked for, RFC 9110 section 7.8.

        The parser takes no content of such a request for content. Another one does, which is shown a head
        of the same framing.
        """
        self._declined = False
        if self._receiving is None:
            return
        lines = [b"POST / HTTP/1.1"]
        lines += [b"%b: %b" % header for header in self._receiving.scope["headers"] if header[0] in _FRAMING]
        if not self._receiving.keep_alive:
            lines.append(b"connection: close")
        self._parser = httptools.HttpRequestParser(self)
        self._replaying = True
        self._parser.feed_data(b"\r\n".join([*lines, b"\r\n"]))
        self._replaying = False

    def timed_out(self) -> None:
        """The head did not come in time, or nothing came, or nothing of the answer was taken."""
        if self._current is not None and not self._transport.is_closing():
            self._look()
        elif self._deaf or self.blocked is not None:
            self._not_taken()
        elif self._in_head:
            self._refuse(408)
        else:
            self._close()

    def _look(self) -> None:
        """Notice a caller who hangs up while nothing is read."""
        if not self._paused:
            self.deadline = NEVER
        elif hung_up(self._transport):
            self._close()
        else:
            self.deadline = self._loop.time() + LOOK_SECONDS

    def _not_taken(self) -> None:
        if unsent(self._transport) < self._unsent:
            self._await_taking()  # slowly, but some was
        else:
            self.deadline = NEVER
            self._transport.abort()

    def shutdown(self) -> None:
        """End the connection as soon as what is under way is answered."""
        self._closing = True
        last = self._waiting[-1] if self._waiting else self._current
        if last is not None:
            last.keep_alive = False
        elif not self._in_head:
            self._close()

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()

    # what requests call

    def write(self, data: bytes) -> None:
        """Send a part of an answer."""
        self._transport.write(data)

    def pause(self) -> None:
        """Read no further for now."""
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()
            if self._current is not None:
                self.deadline = self._loop.time() + LOOK_SECONDS

    def resume(self) -> None:
        """Read on, unless later requests wait."""
        if self._paused and not self._held:
            self._paused = False
            self._transport.resume_reading()

    def ended(self, incoming: Incoming) -> None:
        """A request is answered, or will not be."""
        self._current = None
        if self._transport.is_closing():
            return
        incoming.drop()
        if not incoming.complete:
            self._cut_short(incoming)
        elif not incoming.ended:
            self._linger()
        elif not incoming.keep_alive:
            self._close()
        elif self.blocked is None:
            self._next()
        else:
            self._await_taking()  # the next begins in resume_writing

    def _cut_short(self, incoming: Incoming) -> None:
        """The answer is not complete and never will be, and the caller is to see that."""
        if incoming.begun:
            self._transport.abort()
        else:
            self._refuse(500)

    def _next(self) -> None:
        if self._waiting:
            self._start(self._waiting.popleft())
            if self._receiving is not self._current:
                return
        else:
            seconds = self._limits.head_seconds if self._in_head else self._limits.idle_seconds
            self.deadline = self._loop.time() + seconds
        if self._paused or self._held:
            held, self._held = self._held, b""
            self.resume()
            self.data_received(held)
