"""Which headers pass, and which a gateway must take out or write anew (RFC 9110 section 7.6)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

from duskgate.middleware.asgi import Scope
from duskgate.policy.request import Header

_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_WRITTEN_ANEW = frozenset(
    (
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-scheme",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-real-ip",
    )
)
_SHADOWS = frozenset(name.replace(b"-", b"_") for name in _WRITTEN_ANEW)
_NEVER_NOMINATED = frozenset((b"host", b"content-length"))

_DROP_FROM_STRANGERS = _HOP_BY_HOP | _WRITTEN_ANEW | _SHADOWS | {b"expect"}
_DROP_FROM_TRUSTED = _HOP_BY_HOP | _SHADOWS | {b"expect"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _nominated(headers: Iterable[Header]) -> frozenset[bytes]:
    """Header names that ``Connection`` makes hop-by-hop for this message."""
    names = {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    }
    return frozenset(names - _NEVER_NOMINATED)


def response_headers(headers: Sequence[Header]) -> list[Header]:
    """A backend's headers without those that were for this hop only."""
    drop = _HOP_BY_HOP
    if any(name == b"connection" for name, _ in headers):
        drop = drop | _nominated(headers)
    return [header for header in headers if header[0] not in drop]


class RequestHeaders:
    """Makes the headers for a backend; knows which peers' forwarding headers are believed."""

    def __init__(self, trusted: Iterable[Network]) -> None:
        networks = tuple(trusted)

        @lru_cache(maxsize=4096)
        def believed(peer: str) -> bool:
            try:
                address = ipaddress.ip_address(peer)
            except ValueError:
                return False
            return any(address in network for network in networks)

        self.believed = believed
        self._any_trusted = bool(networks)

    def for_backend(self, scope: Scope) -> list[Header]:
        """The request's headers as the backend gets them."""
        headers: list[Header] = scope["headers"]
        client = scope.get("client")
        peer = client[0] if client else ""
        trusted = self._any_trusted and self.believed(peer)
        drop = _DROP_FROM_TRUSTED if trusted else _DROP_FROM_STRANGERS
        nominated = _nominated(headers) if any(name == b"connection" for name, _ in headers) else None
        if nominated:
            drop = drop | nominated
        out = [header for header in headers if header[0] not in drop]
        return self._with_forwarding(out, scope, peer, trusted)

    def _with_forwarding(self, out: list[Header], scope: Scope, peer: str, trusted: bool) -> list[Header]:
        host = next((value for name, value in out if name == b"host"), b"")
        proto = b"https" if scope["scheme"] in ("https", "wss") else b"http"
        address = peer.encode()
        node = b'"[%b]"' % address if b":" in address else address or b"unknown"
        element = b'for=%b;host="%b";proto=%b' % (node, host, proto)
        if not trusted:
            out.append((b"x-forwarded-for", address))
            out.append((b"x-forwarded-proto", proto))
            out.append((b"x-forwarded-host", host))
            out.append((b"forwarded", element))
        else:
            _append(out, b"x-forwarded-for", address)
            _append(out, b"forwarded", element)
            _default(out, b"x-forwarded-proto", proto)
            _default(out, b"x-forwarded-host", host)
        out.append((b"via", b"%b duskgate" % _VIA.get(scope["http_version"], b"1.1")))
        return out


_VIA = {"1": b"1.0", "1.0": b"1.0", "1.1": b"1.1", "2": b"2", "3": b"3"}


def _append(headers: list[Header], name: bytes, value: bytes) -> None:
    """Add to a list-valued header, in one line with what is there."""
    values = [one for key, one in headers if key == name]
    headers[:] = [header for header in headers if header[0] != name]
    headers.append((name, b", ".join([*values, value])))


def _default(headers: list[Header], name: bytes, value: bytes) -> None:
    if all(key != name for key, _ in headers):
        headers.append((name, value))
