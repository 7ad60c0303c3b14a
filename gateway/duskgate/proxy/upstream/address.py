"""A target's base URL, taken apart once at load."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect and what to put in front of request targets.

    ``path`` is a Unix socket's; then ``host`` and ``port`` have no meaning. ``authority`` is what the
    target's own ``Host`` would be.
    """

    scheme: str
    host: str
    port: int
    path: str | None
    prefix: bytes
    authority: bytes

    @classmethod
    def of(cls, base: str) -> Address:
        """Take ``http://host:port/prefix``, ``https://...`` or ``unix:/path/to/socket`` apart."""
        if base.startswith("unix:"):
            return cls("http", "localhost", 0, base.removeprefix("unix:"), b"", b"localhost")
        parts = urlsplit(base)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        authority = parts.netloc.encode("idna" if not parts.netloc.isascii() else "ascii")
        return cls(parts.scheme, host, port, None, parts.path.rstrip("/").encode(), authority)
