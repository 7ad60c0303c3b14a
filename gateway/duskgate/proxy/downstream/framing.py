"""Heads of responses as they are sent, and how their content is framed: RFC 9112 sections 4 to 6."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum
from http import HTTPStatus

from duskgate.policy.instants import imf_fixdate
from duskgate.policy.request import Header

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {code: f"HTTP/1.1 {code} {_PHRASES.get(code, '')}".encode() for code in range(200, 1000)}
_COLON = b": "
_BODILESS = frozenset((204, 304))


class Framing(Enum):
    """How the end of the content is told."""

    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"
    NONE = "none"


class DateLine:
    """The ``Date`` of this second, formatted once for each, for answers without: RFC 9110 section 6.6.1."""

    def __init__(self) -> None:
        self._second = 0
        self._value = b""

    def value(self) -> bytes:
        """Now, as an HTTP date."""
        second = int(time.time())
        if second != self._second:
            self._second, self._value = second, imf_fixdate(second * 1000).encode()
        return self._value


def response_head(
    status: int,
    headers: Sequence[Header],
    *,
    head_only: bool,
    modern: bool,
    keep_alive: bool,
    whole: int | None,
    date: DateLine,
) -> tuple[bytes, Framing, int]:
    """The head of a response, how its content is framed, and the length that its head announces.

    ``modern``: the caller speaks HTTP/1.1. ``whole`` is the content's length where all of it is here. A
    connection that is to be kept although only its end could tell the content's is not: see the framing.

    Raises ValueError for a header that would end before its line does.
    """
    fields = dict(headers)
    announced = fields.get(b"content-length")
    length = 0
    lines = [_STATUS_LINES[status]]
    if status in _BODILESS or head_only:
        framing = Framing.NONE
        if status == 204 and announced is not None:
            headers = [header for header in headers if header[0] != b"content-length"]
    elif announced is not None:
        framing, length = Framing.LENGTH, int(announced)
    elif whole is not None:
        framing, length = Framing.LENGTH, whole
        lines.append(b"content-length: %d" % whole)
    elif modern:
        framing = Framing.CHUNKED
        lines.append(b"transfer-encoding: chunked")
    else:
        framing = Framing.CLOSE
    if b"date" not in fields:
        lines.append(b"date: " + date.value())
    if not keep_alive or framing is Framing.CLOSE:
        lines.append(b"connection: close")
    elif not modern:
        lines.append(b"connection: keep-alive")
    lines += map(_COLON.join, headers)
    lines.append(b"\r\n")
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
        raise ValueError("a header of the response holds a line break")
    return head, framing, length


def chunk(content: bytes, *, last: bool) -> bytes:
    """One chunk, RFC 9112 section 7.1; ``last``: and the end of the content."""
    framed = b"%x\r\n%b\r\n" % (len(content), content) if content else b""
    return framed + b"0\r\n\r\n" if last else framed
