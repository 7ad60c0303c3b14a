"""The httpx transport: HTTP/1.1 and HTTP/2, through httpx's transport layer only.

The client above that layer would keep cookies, follow redirects, read the environment and decode content;
a gateway must do none of these.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import cycle
from urllib.parse import urlsplit

import httpx

from duskgate.policy.plan import Backend
from duskgate.policy.request import Header
from duskgate.proxy.upstream.protocol import (
    ConnectError,
    PoolTimeout,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)

_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=30)


@contextmanager
def translated() -> Iterator[None]:
    """The one place where httpx's errors become ours."""
    try:
        yield
    except httpx.PoolTimeout:
        raise PoolTimeout("no connection to the backend became free in time") from None
    except (httpx.ConnectTimeout, httpx.ConnectError) as error:
        raise ConnectError(f"no connection to the backend: {error}") from error
    except httpx.TimeoutException as error:
        raise UpstreamTimeout("the backend did not answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError) as error:
        raise UpstreamError(f"the backend's answer is broken: {error}") from error


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

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers: list[Header] = [(name.lower(), value) for name, value in response.headers.raw]
        self._response = response

    async def body(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("httpx's asynchronous transport gave a synchronous stream")
        with translated():
            async for chunk in stream:
                yield chunk

    async def aclose(self) -> None:
        with translated():
            await self._response.aclose()


class HttpxUpstream:
    """An ``Upstream`` on ``httpx.AsyncHTTPTransport``; several targets are asked in turn."""

    def __init__(self, backend: Backend) -> None:
        self._transport = httpx.AsyncHTTPTransport(limits=_LIMITS, trust_env=False, retries=0)
        self._targets = cycle([_Target(base) for base in backend.targets])
        self._keep_host = backend.host_header == "preserve"
        bounds = backend.timeouts
        self._timeout = {
            "connect": bounds.connect,
            "read": bounds.response,
            "write": bounds.idle,
            "pool": bounds.connect,
        }

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        target = next(self._targets)
        headers = request.headers
        if not self._keep_host:
            headers = [(b"host", target.authority), *(one for one in headers if one[0] != b"host")]
        body = _Body(request.body) if request.body is not None else _Empty()
        raw = target.prefix + request.target
        with translated():
            outgoing = httpx.Request(
                request.method,
                target.url(raw),
                headers=headers,
                stream=body,
                extensions={"timeout": self._timeout, "target": raw},
            )
            return HttpxResponse(await self._transport.handle_async_request(outgoing))

    async def aclose(self) -> None:
        await self._transport.aclose()


class _Target:
    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self.authority = parts.netloc.encode("idna" if not parts.netloc.isascii() else "ascii")
        self.prefix = parts.path.rstrip("/").encode()
        self._origin = httpx.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, path="/")

    def url(self, raw: bytes) -> httpx.URL:
        """The URL for logs and mocks. What goes on the wire is ``raw``, which httpx would normalise."""
        try:
            return self._origin.copy_with(raw_path=raw)
        except httpx.InvalidURL:
            return self._origin
