"""The httpx transport: HTTP/1.1 and HTTP/2, through httpx's transport layer only.

The client above that layer would keep cookies, follow redirects, read the environment and decode content;
a gateway must do none of these.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from duskgate.policy.plan import Backend
from duskgate.policy.request import Header
from duskgate.proxy.upstream.address import Address
from duskgate.proxy.upstream.head import sound_headers
from duskgate.proxy.upstream.protocol import (
    ConnectError,
    Overloaded,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)
from duskgate.proxy.upstream.tls import client_context

_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=30)


@contextmanager
def translated() -> Iterator[None]:
    """The one place where httpx's errors become ours."""
    try:
        yield
    except httpx.PoolTimeout:
        raise Overloaded("no connection to the backend became free in time") from None
    except (httpx.ConnectTimeout, httpx.ConnectError) as error:
        raise ConnectError(f"no connection to the backend: {error}") from error
    except httpx.TimeoutException as error:
        raise UpstreamTimeout("the backend did not answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError) as error:
        raise UpstreamError(f"the backend's answer is broken: {error}") from error


async def drop_surplus(response: httpx.Response) -> None:
    """Close a connection that holds bytes behind the response: they would answer the next request.

    RFC 9112 section 9.2. Neither httpx nor httpcore looks, so this does, in their insides: the versions are
    pinned, and a test has a backend that tries.
    """
    pooled = getattr(response.stream, "_httpcore_stream", None)
    connection = getattr(getattr(pooled, "_stream", None), "_connection", None)
    state = getattr(connection, "_h11_state", None)
    if connection is not None and state is not None and state.trailing_data[0]:
        await connection.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk


class _Empty(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""


class HttpxResponse:
    """A response on httpx's transport."""

    def __init__(self, response: httpx.Response, ended: Callable[[], None]) -> None:
        self.status = response.status_code
        self.headers: list[Header] = sound_headers(response.headers.raw)
        self._response = response
        self._ended = ended

    def whole(self) -> bytes | None:
        return None

    async def body(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("httpx's asynchronous transport gave a synchronous stream")
        with translated():
            async for chunk in stream:
                yield chunk

    async def aclose(self) -> None:
        try:
            with translated():
                await drop_surplus(self._response)
                await self._response.aclose()
        finally:
            self._ended()


class HttpxTransport:
    """A ``Transport`` on ``httpx.AsyncHTTPTransport``."""

    def __init__(self, base: str, backend: Backend) -> None:
        self._target = _Target(base)
        self.active = 0
        secure = self._target.address.scheme == "https"
        self._transport = httpx.AsyncHTTPTransport(
            verify=client_context(backend) if secure else False,
            http2=secure,
            limits=_LIMITS,
            trust_env=False,
            uds=self._target.address.path,
        )
        self._keep_host = backend.host_header == "preserve"
        bounds = backend.timeouts
        self._timeouts = {
            "connect": bounds.connect,
            "read": bounds.response,
            "write": bounds.idle,
            "pool": bounds.connect,
        }
        self._idle = bounds.idle
        self._extensions: dict[str, Any] = {}
        if backend.tls.server_name is not None:
            self._extensions["sni_hostname"] = backend.tls.server_name

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        target = self._target
        address = target.address
        headers = request.headers
        if not self._keep_host:
            headers = [(b"host", address.authority), *(one for one in headers if one[0] != b"host")]
        if request.body is not None and all(name != b"content-length" for name, _ in headers):
            headers = [*headers, (b"transfer-encoding", b"chunked")]
        body = _Body(request.body) if request.body is not None else _Empty()
        raw = address.prefix + request.target
        timeouts = self._timeouts.copy()
        with translated():
            outgoing = httpx.Request(
                request.method,
                target.url(raw),
                headers=headers,
                stream=body,
                extensions=self._extensions | {"target": raw, "timeout": timeouts},
            )
            self.active += 1
            try:
                response = await self._transport.handle_async_request(outgoing)
            except BaseException:
                self.active -= 1
                raise
        timeouts["read"] = self._idle  # looked up anew for the content, which may come slower than the head
        try:
            return HttpxResponse(response, self._ended)
        except UpstreamError:
            self.active -= 1
            await response.aclose()
            raise

    def _ended(self) -> None:
        self.active -= 1

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Target:
    def __init__(self, base: str) -> None:
        address = self.address = Address.of(base)
        host = f"[{address.host}]" if ":" in address.host else address.host
        self._origin = httpx.URL(scheme=address.scheme, host=host, port=address.port or None, path="/")

    def url(self, raw: bytes) -> httpx.URL:
        """The URL for logs and mocks. What goes on the wire is ``raw``, which httpx would normalise."""
        try:
            return self._origin.copy_with(raw_path=raw)
        except httpx.InvalidURL:
            return self._origin
