"""What the core may know of one request. Any data plane can fill this in; no server's type is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Header = tuple[bytes, bytes]

ANONYMOUS = "anonymous"
"""The name of all callers who cannot be told apart."""


class Request(NamedTuple):
    """The facts of one request.

    ``path`` and ``query`` are raw, as sent. Header names are lower case. ``fields`` is ``headers`` as a
    mapping; where a header stands on several lines it holds one of them, and ``values`` gives them all.
    ``consumer`` is the known name of who calls, if the caller is one of the named consumers. ``caller`` is
    that name, or else what stands for the caller: the same for each of its requests. ``peer`` is the address
    at the other end of the connection, and ``trusted`` says that it is a proxy that is believed. ``key`` is
    what sticky shares go by: the consumer's name, else the value that identifies the caller, as sent;
    ``None``: nothing does.
    """

    method: str
    path: bytes
    query: bytes
    headers: Sequence[Header]
    fields: Mapping[bytes, bytes]
    consumer: str | None = None
    caller: str = ANONYMOUS
    peer: str = ""
    trusted: bool = False
    key: bytes | None = None

    @property
    def handshake(self) -> bool:
        """Whether it opens a WebSocket, RFC 6455 section 4.2.1. Such a caller follows no redirects."""
        return self.fields.get(b"upgrade", b"").lower() == b"websocket"

    def values(self, name: bytes) -> list[bytes]:
        """Every value of a header, a line each, in the order sent."""
        if name not in self.fields:
            return []
        if len(self.fields) == len(self.headers):
            return [self.fields[name]]
        return [value for key, value in self.headers if key == name]


def request(
    method: str, target: str | bytes, headers: Sequence[tuple[str, str]] = (), peer: str = ""
) -> Request:
    """A request as written by hand: for explanations, rehearsals and tests."""
    raw = target.encode() if isinstance(target, str) else target
    path, _, query = raw.partition(b"?")
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return Request(method.upper(), path, query, lines, dict(lines), peer=peer)
