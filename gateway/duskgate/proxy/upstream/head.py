"""What a response's head may hold. A backend must neither exhaust the gateway nor speak for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from duskgate.policy.request import Header
from duskgate.proxy.upstream.protocol import UpstreamError

MOST_HEADERS = 256
MOST_BYTES = 128 * 1024
LONGEST_NAME = 256
"""Larger heads are refused."""

_PLAIN = bytes(set(range(256)) - set(range(0x20)) - {0x7F} | {0x09})


def check_head(headers: Sequence[Header]) -> bool:
    """Whether a whole head says where the content ends. Names are in lower case.

    Raises UpstreamError for a head that is too large, that no server can pass on (RFC 9110 section 5.5), or
    whose framing two parties could read in two ways. All of it is looked at at once: this is done for every
    response.
    """
    if not headers:
        return False
    names, values = zip(*headers, strict=True)
    all_names, content = b"".join(names), b"".join(values)
    if len(headers) > MOST_HEADERS or len(all_names) + len(content) > MOST_BYTES:
        raise UpstreamError("the backend's header block is too large")
    if len(all_names) > LONGEST_NAME and max(map(len, names)) > LONGEST_NAME:
        raise UpstreamError("the backend's answer has a header name that is too long")
    if content.translate(None, _PLAIN):
        raise UpstreamError("the backend's answer has a control character in a header")
    if b"transfer-encoding" in names or names.count(b"content-length") > 1:
        return _check_framing(headers)
    return b"content-length" in names


def _check_framing(headers: Iterable[Header]) -> bool:
    """The same for the rare framing: RFC 9112 section 6.3. Raises UpstreamError for what is contradictory."""
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
    check_head(headers)
    return headers
