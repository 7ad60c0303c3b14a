"""Opening WebSockets to a backend (RFC 6455), with the client of the ``websockets`` library.

Its ``connect`` is left out: it follows redirects, looks for proxies in the environment, and takes a URL apart
and puts it together again, in which ``/a;b=1?`` would lose what follows the ``a``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.http11 import Request
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from duskgate.policy.plan import Backend
from duskgate.policy.request import Header
from duskgate.proxy.headers import response_headers
from duskgate.proxy.upstream.address import Address
from duskgate.proxy.upstream.protocol import ConnectError, UpstreamError, UpstreamTimeout
from duskgate.proxy.upstream.tls import client_context

MOST_MESSAGE_BYTES = 16 * 2**20
"""Larger messages, either way, end the WebSocket with 1009: each is held in memory as a whole."""

MOST_UNSENT = 4 * 1024
"""Bytes that may wait to be sent before a side is read no further. Messages of two bytes, each a write of its
own, take a hundred times that."""

CLOSE_SECONDS = 5.0
"""How long each side has to answer a closing handshake before its connection is dropped."""

_URI = parse_uri("ws://backend/")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
_OWN = (b"sec-websocket-", b"content-length")
"""Headers of one hop's handshake. A handshake has no content, whatever the caller announced."""


class Refused(Exception):
    """The backend answered the handshake with another status than 101."""

    def __init__(self, status: int, headers: list[Header], body: bytes) -> None:
        super().__init__(f"the backend refused the handshake with {status}")
        self.status = status
        self.headers = headers
        self.body = body


class Handshake(ClientProtocol):
    """The library's handshake with a target and headers of our own, RFC 6455 section 4.1.

    No extension is offered, so neither side compresses: a relay would inflate and deflate every message to
    look at none, for memory in each connection, and a few bytes could become a message of any size.
    """

    def __init__(self, target: bytes, headers: Sequence[Header], subprotocols: Sequence[str]) -> None:
        offered = [Subprotocol(name) for name in subprotocols] or None
        super().__init__(_URI, subprotocols=offered, max_size=MOST_MESSAGE_BYTES)
        self._target = quote(target, safe=_ASCII)  # a raw byte above 0x7E, in no URL, is sent encoded
        self._headers = headers

    def connect(self) -> Request:
        """The request to send."""
        headers = Headers()
        for name, value in self._headers:
            headers[name.decode("latin-1")] = value.decode("latin-1")
        for own, text in super().connect().headers.raw_items():
            if own != "Host":
                headers[own] = text
        return Request(self._target, headers)


class WebSocketTransport:
    """Opens WebSockets to the targets of one backend.

    Raises OSError if the files of its ``tls`` cannot be used.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._addresses = {base: Address.of(base) for base in backend.targets}
        secure = any(address.scheme == "https" for address in self._addresses.values())
        self._tls = client_context(backend) if secure else None

    async def open(
        self, base: str, target: bytes, headers: list[Header], subprotocols: Sequence[str]
    ) -> ClientConnection:
        """Open a WebSocket to one of the base URLs.

        Raises UpstreamError, or Refused where the backend answers but declines.
        """
        address = self._addresses[base]
        headers = [header for header in headers if not header[0].startswith(_OWN)]
        if self.backend.host_header != "preserve":
            headers = [(b"host", address.authority), *(one for one in headers if one[0] != b"host")]
        handshake = Handshake(address.prefix + target, headers, subprotocols)
        connection = await self._connect(address, handshake)
        try:
            async with asyncio.timeout(self.backend.timeouts.response or None):
                await connection.handshake(None, None)
        except BaseException as error:
            connection.transport.abort()
            ours = translated(error)
            if ours is None:
                raise
            raise ours from error
        return connection

    async def _connect(self, address: Address, handshake: Handshake) -> ClientConnection:
        loop = asyncio.get_running_loop()

        def make() -> ClientConnection:
            # A queue of no message: one is in the relay's hands while one waits. No pings of our own: they
            # would go unanswered while a slow caller keeps us from reading; TCP notices hosts that vanish.
            return ClientConnection(
                handshake,
                ping_interval=None,
                close_timeout=CLOSE_SECONDS,
                max_queue=0,
                write_limit=MOST_UNSENT,
            )

        try:
            async with asyncio.timeout(self.backend.timeouts.connect or None):
                if address.path is not None:
                    _, connection = await loop.create_unix_connection(make, address.path)
                    return connection
                tls = self._tls if address.scheme == "https" else None
                name = (self.backend.tls.server_name or address.host) if tls is not None else None
                _, connection = await loop.create_connection(
                    make, address.host, address.port, ssl=tls, server_hostname=name
                )
        except TimeoutError:
            raise ConnectError("no connection to the backend in time") from None
        except OSError as error:
            raise ConnectError(f"no connection to the backend: {error.strerror or error}") from None
        connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection


def translated(error: BaseException) -> Refused | UpstreamError | None:
    """The one place where a failed handshake becomes one of our errors; ``None``: it was something else."""
    if isinstance(error, InvalidStatus) and error.response.status_code >= 200:
        response = error.response
        headers = [one for one in answered_headers(response.headers) if one[0] != b"content-length"]
        return Refused(response.status_code, headers, bytes(response.body))
    if isinstance(error, TimeoutError):
        return UpstreamTimeout("the backend did not answer the handshake in time")
    if isinstance(error, (WebSocketException, EOFError, OSError)):
        return UpstreamError(f"the backend's handshake is broken: {error}")
    return None


def answered_headers(headers: Headers) -> list[Header]:
    """The headers of a backend's answer without those of this hop."""
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.raw_items()]
    return [one for one in response_headers(lines) if not one[0].startswith(b"sec-websocket-")]
