"""WebSocket handshakes are answered with each header name once."""

from __future__ import annotations

from collections.abc import Iterable

from duskgate.policy.request import Header


def join(headers: Iterable[Header]) -> list[Header]:
    """Join the lines of a header into one (RFC 9110 section 5.3).

    granian 2.8 loses its worker over a name that comes twice.

    ``Set-Cookie`` is the one header that cannot be joined; only its first line is kept.
    """
    lines: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in lines:
            lines[name] = value
        elif name != b"set-cookie":
            lines[name] += b", " + value
    return list(lines.items())
