"""The default transport: HTTP/1.1 on asyncio and llhttp, at a fraction of a general client's cost."""

from __future__ import annotations

from itertools import cycle

from duskgate.policy.plan import Backend
from duskgate.policy.request import Header
from duskgate.proxy.upstream.address import Address
from duskgate.proxy.upstream.connection import Connection
from duskgate.proxy.upstream.deadlines import Deadlines
from duskgate.proxy.upstream.pool import Pool
from duskgate.proxy.upstream.protocol import ConnectionLost, UpstreamRequest, UpstreamResponse
from duskgate.proxy.upstream.tls import client_context

_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
"""RFC 9110 section 9.2.2: asking twice does no more than asking once."""


class Target:
    """One base URL of a backend, with its connections."""

    def __init__(self, base: str, backend: Backend, deadlines: Deadlines) -> None:
        self.address = Address.of(base)
        tls = client_context(backend) if self.address.scheme == "https" else None
        self.pool = Pool(self.address, tls, backend.timeouts, deadlines, server_name=backend.tls.server_name)


class NativeUpstream:
    """An ``Upstream`` of pooled HTTP/1.1 connections."""

    def __init__(self, backend: Backend) -> None:
        self._deadlines = Deadlines()
        self._targets = [Target(base, backend, self._deadlines) for base in backend.targets]
        self._turn = cycle(self._targets)
        self._keep_host = backend.host_header == "preserve"

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        target = next(self._turn)
        chunked = request.body is not None and not _has_length(request.headers)
        head = request_head(request, target.address, keep_host=self._keep_host, chunked=chunked)
        connection = target.pool.take() or await target.pool.connect()
        try:
            return await self._exchange(connection, request, head, chunked)
        except ConnectionLost as error:
            if not (connection.exchanges > 1 and error.untouched and replayable(request)):
                raise
        # An idle connection may be closed by its target in the moment it is reused, RFC 9112 section 9.3.1
        return await self._exchange(await target.pool.connect(), request, head, chunked)

    async def _exchange(
        self, connection: Connection, request: UpstreamRequest, head: bytes, chunked: bool
    ) -> UpstreamResponse:
        try:
            return await connection.exchange(
                head, request.body, chunked=chunked, head_only=request.method == "HEAD"
            )
        except BaseException:
            connection.finish()
            raise

    async def aclose(self) -> None:
        for target in self._targets:
            target.pool.close()
        self._deadlines.stop()


def replayable(request: UpstreamRequest) -> bool:
    """Whether a request may be sent again: it does no harm, and nothing of it was used up."""
    return request.method in _IDEMPOTENT and request.body is None


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
