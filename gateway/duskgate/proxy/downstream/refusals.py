"""Answers to what is no request that the application could be given."""

from __future__ import annotations

import json

from duskgate.proxy.downstream.framing import DateLine, response_head

_REFUSALS = {
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


def refusal(status: int, base: str, date: DateLine) -> bytes:
    """A whole answer, a problem of RFC 9457, after which the connection ends. ``base`` begins its type."""
    name, title, detail = _REFUSALS[status]
    members = {"type": base + name, "title": title, "status": status, "detail": detail}
    body = json.dumps(members).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    head, _, _ = response_head(
        status, headers, head_only=False, modern=True, keep_alive=False, whole=len(body), date=date
    )
    return head + body
