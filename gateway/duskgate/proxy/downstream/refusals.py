"""Answers to what is no request that the application could be given."""

from __future__ import annotations

import json

from duskgate.middleware.clock import shifted, system_clock
from duskgate.middleware.staging import CLOCK
from duskgate.policy.instants import rfc3339
from duskgate.proxy.downstream.framing import DateLine, response_head

PROBLEMS = {
    400: ("bad-request", "Bad request", "The request is malformed."),
    408: ("request-timeout", "Request timeout", "The request's head did not come in time."),
    414: ("uri-too-long", "URI too long", "The request target is longer than this gateway takes."),
    431: (
        "headers-too-large",
        "Headers too large",
        "The request's headers are more than this gateway takes.",
    ),
    500: ("internal-error", "Internal error", "The gateway failed. The fault has been logged."),
    503: ("stopping", "Stopping", "The gateway is being stopped. Ask again on a new connection."),
    505: ("http-version", "HTTP version not supported", "This port speaks HTTP/1.1; see server.http2."),
}


class Refusals:
    """Makes them. ``base`` begins the types of problems, and ``clock_shift`` is that of a staging gateway, in
    ms: its answers say what time it is there."""

    def __init__(self, base: str, clock_shift: int = 0) -> None:
        self._base = base
        self._clock = shifted(system_clock, clock_shift) if clock_shift else None

    def answer(self, status: int, date: DateLine) -> bytes:
        """A whole answer, a problem of RFC 9457, after which the connection ends."""
        name, title, detail = PROBLEMS[status]
        members = {"type": self._base + name, "title": title, "status": status, "detail": detail}
        body = json.dumps(members).encode()
        headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
        if self._clock is not None:
            headers.append((CLOCK, rfc3339(self._clock()).encode()))
        head, _, _ = response_head(
            status, headers, head_only=False, modern=True, keep_alive=False, whole=len(body), date=date
        )
        return head + body
