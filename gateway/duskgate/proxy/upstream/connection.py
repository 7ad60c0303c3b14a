"""One HTTP/1.1 connection to a target (RFC 9112): asyncio's transport below, llhttp for the parsing.

Data flows at the reader's pace both ways: reading pauses when the caller is slow, writing waits when the
target is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import httptools

from duskgate.policy.plan import Timeouts
from duskgate.proxy.deadlines import NEVER, Deadlines
from duskgate.proxy.upstream.protocol import (
    CallerTimeout,
    ConnectionLost,
    NotSent,
    UpstreamError,
    UpstreamTimeout,
)
from duskgate.proxy.upstream.response import Response


class Owner(Protocol):
    """What a connection belongs to: told when an exchange ended, and when an idle connection died."""

    def released(self, connection: Connection, *, reusable: bool) -> None: ...

    def died(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """A connection that carries one exchange at a time: ``exchange``, then ``finish``."""

    def __init__(self, owner: Owner, deadlines: Deadlines, timeouts: Timeouts) -> None:
        self._owner = owner
        self._deadlines = deadlines
        self._response_timeout = timeouts.response or NEVER
        self._idle_timeout = timeouts.idle or NEVER
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._parser: Any = None
        self._response: Response | None = None
        self._writable: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None
        self._caller_awaited = False
        self._keep_alive = True
        self.deadline = NEVER
        self.born = self._loop.time()
        self.idle_since = self.born
        self.exchanges = 0
        self.lost = False

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._let_write()
        response = self._response
        if response is None:
            self._owner.died(self)
        elif response.complete:
            pass
        elif response.head_done and not response.delimited and exc is None and response.error is None:
            response.complete = True  # no framing: the end of the connection ends it, RFC 9112 section 6.3
            response.wake()
        else:
            self._fail(ConnectionLost("the backend closed the connection", untouched=not response.touched))

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None or response.complete:
            self.close()  # nothing was asked, so nothing that comes can be trusted
            return
        response.touched = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._parse_failed(response, error)
        except httptools.HttpParserUpgrade:
            self._fail(UpstreamError("the backend switched protocols unasked"))
        if not response.head_done:
            self._bound_head(response, len(data))
            return
        if not response.paused:
            self.deadline = self._loop.time() + self._idle_timeout
        response.wake()

    def _bound_head(self, response: Response, more: int) -> None:
        try:
            response.still_in_head(more)
        except UpstreamError as error:
            self._fail(error)

    def _parse_failed(self, response: Response, error: httptools.HttpParserError) -> None:
        self._keep_alive = False
        if response.complete:
            return  # surplus bytes behind a complete response: they are dropped with the connection
        cause = error.__context__
        self._fail(
            cause if isinstance(cause, UpstreamError) else UpstreamError(f"malformed response: {error}")
        )

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        self._let_write()

    def _let_write(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # what llhttp calls

    def on_message_begin(self) -> None:
        if self._response is None or self._response.complete:
            self._keep_alive = False  # a response nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        response = self._response
        if response is not None and not response.head_done:  # afterwards: trailers, RFC 9110 section 6.5.1
            if value[-1:] in b" \t":
                value = value.rstrip(b" \t")  # llhttp leaves it behind a value, RFC 9112 section 5
            response.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        response = self._response
        if response is None or response.head_done:
            return
        status = self._parser.get_status_code()
        response.status = status
        if status < 200:
            response.headers.clear()  # interim, RFC 9110 section 15.2: dropped, and never the final one
            return
        self._keep_alive = self._keep_alive and self._parser.should_keep_alive()
        response.end_head()

    def on_body(self, body: bytes) -> None:
        response = self._response
        if response is not None and not response.complete:
            response.add_content(body)
        else:
            self._keep_alive = False  # content where there can be none

    def on_message_complete(self) -> None:
        response = self._response
        if response is not None and response.head_done:
            response.complete = True

    # what the gateway calls

    async def exchange(
        self, head: bytes, body: AsyncIterator[bytes] | None, *, chunked: bool, head_only: bool
    ) -> Response:
        """Send a request and wait for its response's head.

        Raises UpstreamError, or whatever ``body`` raises. Call ``finish`` afterwards in every case.
        """
        if self.lost or self._transport.is_closing():
            raise NotSent("the connection was closed before it could be used")
        self.exchanges += 1
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        response = self._response = Response(self, self._loop, bodiless=head_only)
        self._deadlines.add(self)
        if body is None:
            self.deadline = self._loop.time() + self._response_timeout
            self._transport.write(head)
        else:
            self.deadline = self._loop.time() + self._idle_timeout
            self._upload = self._loop.create_task(self._send(head, body, chunked))
        while not response.head_done and response.error is None:
            await response.wait()
        if response.error is not None:
            raise response.error
        return response

    async def _send(self, head: bytes, body: AsyncIterator[bytes], chunked: bool) -> None:
        try:
            prefix = head
            self._caller_awaited = True
            async for chunk in body:
                self._caller_awaited = False
                framed = b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
                await self._write(prefix + framed)
                prefix = b""
                self._caller_awaited = True
            self._caller_awaited = False
            await self._write(prefix + (b"0\r\n\r\n" if chunked else b""))
        except Exception as error:
            self._fail(error)
            self.close(abort=True)  # so that the target never takes the body for complete
            return
        response = self._response
        if response is not None and not response.head_done:
            self.deadline = self._loop.time() + self._response_timeout

    async def _write(self, data: bytes) -> None:
        if data and not self.lost:
            self._transport.write(data)
            self.deadline = self._loop.time() + self._idle_timeout
        if self._writable is not None:
            await self._writable

    def finish(self) -> None:
        """End the exchange. The connection goes back to its owner, or is dropped if anything is left over."""
        response, self._response = self._response, None
        if response is None:
            return
        self._deadlines.remove(self)
        self.deadline = NEVER
        sent = self._upload is None or (self._upload.done() and not self._upload.cancelled())
        if self._upload is not None:
            self._upload.cancel()
            self._upload = None
        if response.bodiless:
            self._parser = None  # llhttp still waits for the content that a HEAD's Content-Length announced
        reusable = sent and response.complete and response.delimited and self._keep_alive and not self.lost
        if not reusable:
            self.close(abort=not (response.complete and sent))
        self._owner.released(self, reusable=reusable)

    def discard(self) -> None:
        """Give up a connection on which no exchange could begin."""
        self.close()
        self._owner.released(self, reusable=False)

    def timed_out(self) -> None:
        """The deadline passed: the backend's, or that of a caller who stopped sending the body."""
        if self._caller_awaited:
            self._fail(CallerTimeout("the caller stopped sending the body"))
        else:
            self._fail(UpstreamTimeout("the backend did not answer in time"))
        self.close(abort=True)

    def _fail(self, error: BaseException) -> None:
        response = self._response
        if response is not None and response.error is None and not response.complete:
            response.error = error
            response.wake()

    def close(self, *, abort: bool = False) -> None:
        """Close the connection; ``abort`` also throws away what is not sent yet."""
        self._keep_alive = False
        if abort:
            self._transport.abort()
        else:
            self._transport.close()

    def pause_reading(self) -> None:
        """Stop taking data from the target until ``resume_reading``; meanwhile it cannot be late."""
        self.deadline = NEVER
        if not self.lost:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on taking data."""
        self.deadline = self._loop.time() + self._idle_timeout
        if not self.lost:
            self._transport.resume_reading()
