"""One request of a caller and the answer to it, as an ASGI application sees them (ASGI 3.0, HTTP 2.4)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Protocol

from duskgate.middleware.asgi import ASGIApp, Message, Scope
from duskgate.middleware.errors import CutShort
from duskgate.proxy.body import ClientGone
from duskgate.proxy.downstream.framing import DateLine, Framing, chunk, response_head

logger = logging.getLogger("duskgate")

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_DISCONNECT: Message = {"type": "http.disconnect"}

SMALL = 4096
"""Pieces of content are joined up to so many bytes: each one costs more than what is in it."""


class Line(Protocol):
    """The connection that a request came on. ``blocked`` is there while its caller takes nothing more."""

    @property
    def blocked(self) -> asyncio.Future[None] | None: ...

    def write(self, data: bytes) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def ended(self, incoming: Incoming) -> None: ...


class Incoming:
    """A request whose head is complete; its content may still come.

    ``ended``: all of the content came. ``gone``: no more can come, nor can the caller be answered. ``begun``
    and ``complete`` are said of the answer.
    """

    # set once for all: one is made for every request, and most of it stays as it is
    ended = False
    broken = False
    gone = False
    begun = False
    complete = False
    task: asyncio.Task[None] | None = None
    _asked = False
    _chunks: deque[bytes] | None = None
    _size = 0
    _came = 0
    _paused = False
    _told = False
    _waiter: asyncio.Future[None] | None = None
    _start: Message | None = None
    _framing = Framing.NONE
    _left = 0

    def __init__(
        self,
        line: Line,
        loop: asyncio.AbstractEventLoop,
        scope: Scope,
        date: DateLine,
        unread: int,
        *,
        keep_alive: bool,
    ) -> None:
        """``unread``: so many bytes of content may wait before the connection is read no further."""
        self._line = line
        self._loop = loop
        self._date = date
        self._unread = unread
        self.scope = scope
        self.keep_alive = keep_alive

    async def run(self, app: ASGIApp) -> None:
        """Have the application answer."""
        try:
            await app(self.scope, self.receive, self.send)
        except (CutShort, ClientGone):
            pass
        except Exception:
            logger.exception("the application failed")
        finally:
            self._line.ended(self)

    # what the connection calls

    @property
    def left(self) -> int:
        """Bytes of content that still have to come, as far as the head tells."""
        lengths = [value for name, value in self.scope["headers"] if name == b"content-length"]
        return int(lengths[0]) - self._came if lengths else 0

    def drop(self) -> None:
        """The request is answered: what nobody read of it holds the connection no longer."""
        self._chunks = None
        if self._paused:
            self._paused = False
            self._line.resume()

    def feed(self, content: bytes) -> None:
        """Content came."""
        self._came += len(content)
        if self.complete:
            return
        chunks = self._chunks
        if chunks is None:
            chunks = self._chunks = deque()
        if chunks and len(chunks[-1]) + len(content) <= SMALL:
            chunks[-1] += content
        else:
            chunks.append(content)
        self._size += len(content)
        if self._size > self._unread and not self._paused:
            self._paused = True
            self._line.pause()
        self._wake()

    def end(self) -> None:
        """The content is complete."""
        self.ended = True
        if self._waiter is not None:
            self._wake()

    def break_off(self, *, gone: bool) -> None:
        """No more content will come, and what came is not all of it; ``gone``: the caller is no more."""
        self.keep_alive = False
        self.broken = True
        self.gone = self.gone or gone
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # what the application calls

    async def receive(self) -> Message:
        """The next piece of content, or that the caller is gone."""
        if not self._asked:
            self._asked = True
            if not self.begun and not self.gone and _expects_continue(self.scope):
                self._line.write(_CONTINUE)
        while True:
            if self._chunks:
                return self._content(self._chunks)
            if self.gone or self.complete or (self.broken and not self.ended):
                return _DISCONNECT
            if self.ended and not self._told:
                self._told = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._wait()

    def _content(self, chunks: deque[bytes]) -> Message:
        content = chunks.popleft()
        self._size -= len(content)
        if self._paused and self._size <= self._unread // 2:
            self._paused = False
            self._line.resume()
        self._told = self.ended and not chunks
        return {"type": "http.request", "body": content, "more_body": not self._told}

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def send(self, message: Message) -> None:
        """Take a part of the answer; waits while the caller takes nothing. What nobody gets is dropped.

        Raises ClientGone where nobody would get any more of it either.
        """
        kind = message["type"]
        if kind == "http.response.start":
            if self.begun:
                raise RuntimeError("the answer has begun already")
            self.begun = True
            self._start = message
            self._loop.call_soon(self._begin)  # the content stands in the same packet if it comes at once
            return
        if kind != "http.response.body":
            raise RuntimeError(f"{kind} is no part of an answer")
        if not self.begun or self.complete:
            raise RuntimeError("content before the answer's head, or behind its end")
        content: bytes = message.get("body", b"")
        last = not message.get("more_body", False)
        start, self._start = self._start, None
        head = self._head(start, len(content) if last else None) if start is not None else b""
        framed = self._framed(content, last=last)
        if last:
            self.complete = True
        if not self.gone:
            if head or framed:
                self._line.write(head + framed)
            blocked = self._line.blocked
            if blocked is not None and not last:
                await blocked
        elif not last:
            raise ClientGone

    def _begin(self) -> None:
        """Send the head alone: no content came with it."""
        start, self._start = self._start, None
        if start is not None and not self.gone:
            self._line.write(self._head(start, None))

    def _head(self, start: Message, whole: int | None) -> bytes:
        scope = self.scope
        head, self._framing, self._left = response_head(
            start["status"],
            start.get("headers", ()),
            head_only=scope["method"] == "HEAD",
            modern=scope["http_version"] == "1.1",
            keep_alive=self.keep_alive,
            whole=whole,
            date=self._date,
        )
        if self._framing is Framing.CLOSE:
            self.keep_alive = False
        return head

    def _framed(self, content: bytes, *, last: bool) -> bytes:
        framing = self._framing
        if framing is Framing.NONE:
            return b""
        if framing is Framing.CHUNKED:
            return chunk(content, last=last)
        if framing is Framing.LENGTH:
            self._left -= len(content)
            if self._left < 0 or (last and self._left):
                raise RuntimeError("the content is not as long as the answer's head says")
        return content


def _expects_continue(scope: Scope) -> bool:
    """RFC 9110 section 10.1.1. HTTP/1.0 knows of no interim answers."""
    if scope["http_version"] != "1.1":
        return False
    return any(name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"])
