"""Transports to backends, all behind one protocol."""

from duskgate.proxy.upstream.protocol import (
    ConnectError,
    PoolTimeout,
    Upstream,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)

__all__ = [
    "ConnectError",
    "PoolTimeout",
    "Upstream",
    "UpstreamError",
    "UpstreamRequest",
    "UpstreamResponse",
    "UpstreamTimeout",
]
