"""The seam between forwarding and a transport: what is asked for, what comes back, what can go wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.client import ClientConnection

from duskgate.policy.request import Header


@dataclass(slots=True)
class UpstreamRequest:
    """One request for a backend. ``target`` is the raw path and query; no ``body`` is ``None``."""

    method: str
    target: bytes
    headers: list[Header]
    body: AsyncIterator[bytes] | None


class UpstreamResponse(Protocol):
    """The head of a backend's response, and its body to come. Header names are lower case."""

    status: int
    headers: list[Header]

    def whole(self) -> bytes | None:
        """The entire content, if it is all here already.

        The connection is then given back. Raises UpstreamError if it is known already to be cut short.
        """
        ...

    def body(self) -> AsyncIterator[bytes]:
        """The content as it arrives, never decoded. Raises UpstreamError if it is cut short."""
        ...

    async def aclose(self) -> None:
        """Give the connection back, or drop it if the body was not read to its end."""
        ...


class Upstream(Protocol):
    """Sends requests to one backend, and opens WebSockets to it.

    ``longest`` is how long an exchange may take in all, ``idle`` how long a caller may take for one piece of
    a response; both in seconds, ``None`` for no bound. ``crowded``: so much is under way that what can wait
    should.
    """

    @property
    def longest(self) -> float | None: ...

    @property
    def idle(self) -> float | None: ...

    @property
    def crowded(self) -> bool: ...

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request and wait for the response's head. Raises UpstreamError."""
        ...

    def websocket(
        self, path: bytes, headers: list[Header], subprotocols: Sequence[str]
    ) -> AbstractAsyncContextManager[ClientConnection]:
        """A WebSocket, which counts as under way until the block ends; closing it is the caller's part.

        ``path`` is the raw path and query. Raises UpstreamError, or Refused where the backend declines.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class UpstreamError(Exception):
    """The backend could not be asked, or its answer could not be understood: 502."""


class ConnectError(UpstreamError):
    """No connection to the backend: 502."""


class NotSent(ConnectError):
    """The connection was closed before anything of the request was written to it."""


class CallerTimeout(Exception):
    """The caller stopped sending its body: 408. No fault of the backend's, so no UpstreamError."""


class ConnectionLost(UpstreamError):
    """The connection ended in the middle of an exchange: 502.

    ``untouched``: before a single byte of the response, so that a stale connection may be the reason.
    """

    def __init__(self, message: str, *, untouched: bool) -> None:
        super().__init__(message)
        self.untouched = untouched


class UpstreamTimeout(UpstreamError):
    """The backend took longer than it may: 504."""


class Overloaded(UpstreamError):
    """The backend has no capacity left, and waiting for it took too long: 503."""
