"""Which headers pass, and which a gateway must take out or write anew (RFC 9110 section 7.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from duskgate.middleware.asgi import Scope
from duskgate.policy.plan import Plan
from duskgate.policy.request import Header, Request
from duskgate.policy.shadow import MARKER

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
        MARKER,
        b"forwarded",
        b"true-client-ip",
        b"x-client-ip",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-scheme",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-forwarded-uri",
        b"x-original-url",
        b"x-real-ip",
        b"x-rewrite-url",
    )
)
_FRAMING = frozenset((b"content-length", b"host", b"transfer-encoding"))
_NEVER_NOMINATED = frozenset((b"host", b"content-length"))

_DROP_FROM_STRANGERS = _HOP_BY_HOP | _WRITTEN_ANEW | {b"expect"}
_DROP_FROM_TRUSTED = _HOP_BY_HOP | {b"expect"}

LONGEST_KEPT = 256
"""Bytes of the longest host for which the forwarding headers are kept in mind."""


def _nominated(headers: Iterable[Header]) -> frozenset[bytes]:
    """Header names that ``Connection`` makes hop-by-hop for this message."""
    names = {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
    }
    return frozenset(names - _NEVER_NOMINATED)


_NOMINATES_NONE = frozenset((b"keep-alive", b"close"))


def response_headers(headers: Sequence[Header]) -> list[Header]:
    """A backend's headers without those that were for this hop only."""
    drop = _HOP_BY_HOP
    for name, value in headers:
        if name == b"connection" and value not in _NOMINATES_NONE:
            drop = drop | _nominated(headers)
            break
    return [header for header in headers if header[0] not in drop]


def _may_nominate(value: bytes, headers: Sequence[Header], fields: Mapping[bytes, bytes]) -> bool:
    """Whether ``Connection`` names headers; ``value`` is all of it only where no header stands twice."""
    return value not in _NOMINATES_NONE or len(fields) != len(headers)


class RequestHeaders:
    """Makes the headers for a backend."""

    def __init__(self) -> None:
        self._written = lru_cache(maxsize=4096)(forwarding_headers)

    def for_backend(
        self, scope: Scope, request: Request, plan: Plan, hidden: frozenset[bytes] = frozenset()
    ) -> list[Header]:
        """The request's headers as the backend gets them. ``hidden`` are those that it does not get."""
        headers, fields, trusted = request.headers, request.fields, request.trusted
        drop = _DROP_FROM_TRUSTED if trusted else _DROP_FROM_STRANGERS
        if hidden:
            drop = drop | hidden
        if plan.believed and not trusted:
            drop = drop | plan.believed
        if b"connection" in fields and _may_nominate(fields[b"connection"], headers, fields):
            drop = drop | _nominated(headers)
        out = [header for header in headers if header[0] not in drop]
        if b"_" in b" ".join(fields):
            out = without_shadows(out, plan.read)
        if len(fields) != len(headers):
            out = joined(out)
        host = fields.get(b"host", b"")
        if not host and b"host" not in fields:
            out.append((b"host", b""))  # HTTP/1.0 needs none, and HTTP/1.1 one at least: RFC 9112 section 3.2
        write = self._written if len(host) <= LONGEST_KEPT else forwarding_headers
        written = write(request.peer, scope["scheme"], host, scope["http_version"])
        if not trusted:
            out += written
        else:
            for name, value in written:
                _merge(out, name, value)
        return out


def without_shadows(headers: list[Header], read: frozenset[bytes]) -> list[Header]:
    """Leave out ``X_Api_Key`` and its like, which CGI and WSGI servers take for ``X-Api-Key``.

    Only where the name with dashes is one that the gateway reads, writes or removes.
    """
    known = _HOP_BY_HOP | _WRITTEN_ANEW | _FRAMING | read
    return [
        (name, value) for name, value in headers if b"_" not in name or name.replace(b"_", b"-") not in known
    ]


def joined(headers: list[Header]) -> list[Header]:
    """One line of ``Cookie``, as HTTP/1.1 has it (RFC 9113 section 8.2.3), and one ``Content-Length``."""
    out: list[Header] = []
    cookies = [value for name, value in headers if name == b"cookie"]
    for name, value in headers:
        if name == b"cookie":
            value = b"; ".join(cookies)
        if name not in (b"cookie", b"content-length") or (name, value) not in out:
            out.append((name, value))
    return out


_VIA = {"1": b"1.0", "1.0": b"1.0", "1.1": b"1.1", "2": b"2", "3": b"3"}
_LISTS = frozenset((b"forwarded", b"via", b"x-forwarded-for"))


def forwarding_headers(peer: str, scheme: str, host: bytes, version: str) -> tuple[Header, ...]:
    """What this hop says of the last: RFC 7239, its X- forebears, and Via (RFC 9110 section 7.6.3)."""
    proto = b"https" if scheme in ("https", "wss") else b"http"
    address = peer.encode()
    node = b'"[%b]"' % address if b":" in address else address or b"unknown"
    return (
        (b"x-forwarded-for", address or b"unknown"),
        (b"x-forwarded-proto", proto),
        (b"x-forwarded-host", host),
        (b"forwarded", b'for=%b;host="%b";proto=%b' % (node, host, proto)),
        (b"via", b"%b duskgate" % _VIA.get(version, b"1.1")),
    )


def _merge(headers: list[Header], name: bytes, value: bytes) -> None:
    """Add to what a trusted proxy said: lists grow by one, single values stay as it said them."""
    values = [one for key, one in headers if key == name]
    if values and name not in _LISTS:
        return
    headers[:] = [header for header in headers if header[0] != name]
    headers.append((name, b", ".join([*values, value])))
