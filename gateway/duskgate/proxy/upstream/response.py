"""A response while it is being received, and its content on the way to the caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from duskgate.policy.request import Header
from duskgate.proxy.upstream.head import MOST_BYTES, check_head
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

    # what most responses never change is set once for all of them: one is made for every request
    paused = False
    complete = False
    delimited = False
    error: BaseException | None = None
    head_done = False
    status = 0
    touched = False
    _given_back = False
    _head_bytes = 0
    _size = 0
    _waiter: asyncio.Future[None] | None = None

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop, *, bodiless: bool) -> None:
        self._source = source
        self._loop = loop
        self.bodiless = bodiless
        self.chunks: deque[bytes] = deque()
        self.headers: list[Header] = []

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

    def still_in_head(self, more: int) -> None:
        """So many bytes more, and the head goes on. Raises UpstreamError when it becomes too large."""
        self._head_bytes += more
        if self._head_bytes > MOST_BYTES:
            raise UpstreamError("the backend's header block is too large")

    def end_head(self) -> None:
        """The head is complete, and final. Raises UpstreamError for one that cannot be passed on."""
        self.head_done = True
        self.delimited = check_head(self.headers)
        if self.bodiless or self.status in (204, 304):
            self.bodiless = self.delimited = self.complete = True

    def add_content(self, chunk: bytes) -> None:
        """Take content in; reading pauses when the caller is too far behind."""
        self.chunks.append(chunk)
        self._size += len(chunk)
        if self._size > HIGH_WATER and not self.paused:
            self.paused = True
            self._source.pause_reading()
