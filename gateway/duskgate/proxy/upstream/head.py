"""What a response's head may hold. A backend must neither exhaust the gateway nor speak for it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from duskgate.policy.request import Header
from duskgate.proxy.upstream.protocol import UpstreamError

MOST_HEADERS = 256
MOST_BYTES = 128 * 1024
LONGEST_NAME = 256
"""Larger heads are refused."""

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def check_header(name: bytes, value: bytes) -> None:
    """Raise UpstreamError for a header that no server can pass on (RFC 9110 section 5.5)."""
    if len(name) > LONGEST_NAME:
        raise UpstreamError("the backend's answer has a header name that is too long")
    if _CONTROL.search(value) is not None:
        raise UpstreamError("the backend's answer has a control character in a header")


def check_framing(headers: Iterable[Header]) -> bool:
    """Whether the head says where the content ends, RFC 9112 section 6.3.

    Raises UpstreamError where two parties could see the end in two places.
    """
    lengths = {value for name, value in headers if name == b"content-length"}
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and codings != [b"chunked"]:
        raise UpstreamError("the backend's answer has a transfer coding that is not served")
    if len(lengths) > 1 or (lengths and codings):
        raise UpstreamError("the backend's answer has contradictory framing")
    return bool(lengths or codings)


def sound_headers(raw: Iterable[Header]) -> list[Header]:
    """A whole head, names in lower case. Raises UpstreamError if it is not one that can be passed on."""
    headers = [(name.lower(), value) for name, value in raw]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > MOST_BYTES:
        raise UpstreamError("the backend's header block is too large")
    for name, value in headers:
        check_header(name, value)
    check_framing(headers)
    return headers
