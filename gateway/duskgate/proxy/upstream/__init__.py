"""Transports to backends, all behind one protocol."""

from duskgate.proxy.upstream.protocol import (
    ConnectError,
    Overloaded,
    Upstream,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimeout,
)

__all__ = [
    "ConnectError",
    "Overloaded",
    "Upstream",
    "UpstreamError",
    "UpstreamRequest",
    "UpstreamResponse",
    "UpstreamTimeout",
]
