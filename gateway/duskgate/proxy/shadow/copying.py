"""Asking a backend for an answer that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from duskgate.policy.request import Header
from duskgate.policy.shadow import MARKER, Comparison
from duskgate.proxy.shadow.capture import Kept, chosen, useless
from duskgate.proxy.shadow.content import Answer, Incomparable
from duskgate.proxy.upstream.protocol import (
    CallerTimeout,
    Upstream,
    UpstreamError,
    UpstreamRequest,
)

_ANEW = frozenset((b"accept-encoding", b"content-length", MARKER))
_CONDITIONS = frozenset(
    (b"if-match", b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since")
)
"""RFC 9110 section 13.1: they are about what the caller has of the old version."""


class CopyFailed(Exception):
    """The backend did not answer, or not in time."""


def copied_headers(headers: Iterable[Header], body: bytes) -> list[Header]:
    """The headers of a copy: marked, without conditions, and asking for content that is not encoded."""
    out = [header for header in headers if header[0] not in _ANEW and header[0] not in _CONDITIONS]
    out += [(MARKER, b"1"), (b"accept-encoding", b"identity")]
    if body:
        out.append((b"content-length", str(len(body)).encode()))
    return out


def copied(method: str, target: bytes, headers: Iterable[Header], body: bytes) -> UpstreamRequest:
    """A request that was kept, to be sent again."""
    return UpstreamRequest(method, target, copied_headers(headers, body), _once(body) if body else None)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def ask(
    upstream: Upstream, request: UpstreamRequest, comparison: Comparison | None, limit: int, seconds: float
) -> Answer:
    """Send a copy and take its whole answer in. Raises CopyFailed, or Incomparable.

    Without a comparison the content is not kept, and not even read where it is large.
    """
    try:
        async with asyncio.timeout(seconds):
            response = await upstream.send(request)
            try:
                head = Answer(response.status, chosen(response.headers, comparison or Comparison()), b"")
                reason = useless(head) if comparison is not None else None
                if reason is not None:
                    raise Incomparable(reason)
                whole = response.whole()
                body = whole if whole is not None else await _all(response.body(), limit)
            finally:
                await response.aclose()
    except (UpstreamError, CallerTimeout, TimeoutError) as error:
        raise CopyFailed(str(error) or type(error).__name__) from None
    if len(body) > limit and comparison is not None:
        raise Incomparable("too-large")
    return head._replace(body=body)


async def _all(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """Everything, or a little more than the limit."""
    kept = Kept(limit)
    async for chunk in chunks:
        if not kept.add(chunk):
            break
    return kept.whole()
