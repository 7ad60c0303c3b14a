"""The default transport: HTTP/1.1 on asyncio and llhttp, at a fraction of a general client's cost."""

from __future__ import annotations

from collections.abc import AsyncIterator

from duskgate.policy.plan import Backend
from duskgate.policy.request import Header
from duskgate.proxy.deadlines import Deadlines
from duskgate.proxy.upstream.address import Address
from duskgate.proxy.upstream.backend import repeatable
from duskgate.proxy.upstream.pool import Pool
from duskgate.proxy.upstream.protocol import ConnectionLost, NotSent, UpstreamRequest, UpstreamResponse
from duskgate.proxy.upstream.response import Response
from duskgate.proxy.upstream.tls import client_context


class NativeTransport:
    """A ``Transport`` of pooled HTTP/1.1 connections to one target."""

    def __init__(self, base: str, backend: Backend) -> None:
        self._deadlines = Deadlines()
        address = self._address = Address.of(base)
        tls = client_context(backend) if address.scheme == "https" else None
        name = backend.tls.server_name
        self._pool = Pool(address, tls, backend.timeouts, self._deadlines, server_name=name)
        self._keep_host = backend.host_header == "preserve"

    @property
    def active(self) -> int:
        """Requests under way, with those that wait for a connection."""
        return self._pool.active

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request and wait for the response's head. Raises UpstreamError."""
        body = request.body
        chunked = body is not None and not _has_length(request.headers)
        head = request_head(request, self._address, keep_host=self._keep_host, chunked=chunked)
        head_only = request.method == "HEAD"
        connection = self._pool.take() or await self._pool.connect()
        reused = connection.exchanges > 0
        try:
            return await connection.exchange(head, body, chunked=chunked, head_only=head_only)
        except NotSent:
            connection.discard()
        except ConnectionLost as error:
            connection.finish()
            # An idle connection may be closed by its target just as it is reused, RFC 9112 section 9.3.1
            if not reused or not repeatable(request, error):
                raise
        except BaseException:
            connection.finish()
            raise
        return await self._once_more(head, body, chunked=chunked, head_only=head_only)

    async def _once_more(
        self, head: bytes, body: AsyncIterator[bytes] | None, *, chunked: bool, head_only: bool
    ) -> Response:
        connection = await self._pool.connect()
        try:
            return await connection.exchange(head, body, chunked=chunked, head_only=head_only)
        except NotSent:
            connection.discard()
            raise
        except BaseException:
            connection.finish()
            raise

    async def aclose(self) -> None:
        """Close the idle connections, and the busy ones as they become free."""
        self._pool.close()


def _has_length(headers: list[Header]) -> bool:
    return any(name == b"content-length" for name, _ in headers)


def request_head(request: UpstreamRequest, address: Address, *, keep_host: bool, chunked: bool) -> bytes:
    """The request line and header block, RFC 9112 sections 3 and 5."""
    headers = request.headers
    if not keep_host:
        headers = [(b"host", address.authority), *(one for one in headers if one[0] != b"host")]
    lines = [b"%b %b%b HTTP/1.1" % (request.method.encode(), address.prefix, request.target)]
    lines += map(_COLON.join, headers)
    if chunked:
        lines.append(b"transfer-encoding: chunked")
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


_COLON = b": "
