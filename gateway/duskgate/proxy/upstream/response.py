"""A response while it is being received, and its content on the way to the caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from duskgate.policy.request import Header
from duskgate.proxy.upstream.head import MOST_BYTES, MOST_HEADERS, check_header
from duskgate.proxy.upstream.protocol import UpstreamError

HIGH_WATER = 256 * 1024
LOW_WATER = 64 * 1024
"""Bytes held for a slow caller before reading from the backend pauses, and until it goes on."""


class Source(Protocol):
    """What a response is received from."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def finish(self) -> None: ...


class Response:
    """One response. ``bodiless`` is known beforehand for HEAD, and from the status for 204 and 304.

    ``touched``: at least one byte of it came.
    """

    __slots__ = (
        "_given_back",
        "_head_bytes",
        "_loop",
        "_size",
        "_source",
        "_waiter",
        "bodiless",
        "chunks",
        "complete",
        "delimited",
        "error",
        "head_done",
        "headers",
        "paused",
        "status",
        "touched",
    )

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop, *, bodiless: bool) -> None:
        self._source = source
        self._loop = loop
        self._given_back = False
        self._head_bytes = 0
        self.paused = False
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self.bodiless = bodiless
        self.chunks: deque[bytes] = deque()
        self.complete = False
        self.delimited = False
        self.error: BaseException | None = None
        self.head_done = False
        self.headers: list[Header] = []
        self.status = 0
        self.touched = False

    # for the caller

    def whole(self) -> bytes | None:
        """The entire content, if all of it is here already; then the connection is given back."""
        if self.error is not None:
            raise self.error
        if not self.complete:
            return None
        self._give_back()
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def body(self) -> AsyncIterator[bytes]:
        """The content as it arrives. Raises UpstreamError where it is cut short."""
        while True:
            while self.chunks:
                yield self._take()
            if self.error is not None:
                raise self.error
            if self.complete:
                return
            await self.wait()

    def _take(self) -> bytes:
        chunk = self.chunks.popleft()
        self._size -= len(chunk)
        if self.paused and self._size < LOW_WATER:
            self.paused = False
            self._source.resume_reading()
        return chunk

    async def aclose(self) -> None:
        """Give the connection back, or drop it if the response was not received to its end."""
        self._give_back()

    def _give_back(self) -> None:
        """Once only: afterwards the connection may carry another exchange."""
        if not self._given_back:
            self._given_back = True
            self._source.finish()

    # for the connection

    async def wait(self) -> None:
        """Wait until ``wake``."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Something happened: the head, content, the end or an error."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def add_header(self, name: bytes, value: bytes) -> None:
        """Raises UpstreamError when the head becomes too large."""
        self._head_bytes += len(name) + len(value)
        if len(self.headers) >= MOST_HEADERS or self._head_bytes > MOST_BYTES:
            raise UpstreamError("the backend's header block is too large")
        check_header(name, value)
        if value[-1:] in b" \t":
            value = value.rstrip(b" \t")  # llhttp leaves the white space behind a value, RFC 9112 section 5
        self.headers.append((name.lower(), value))

    def add_content(self, chunk: bytes) -> None:
        """Take content in; reading pauses when the caller is too far behind."""
        self.chunks.append(chunk)
        self._size += len(chunk)
        if self._size > HIGH_WATER and not self.paused:
            self.paused = True
            self._source.pause_reading()
