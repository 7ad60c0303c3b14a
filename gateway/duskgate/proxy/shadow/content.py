"""An answer as it is compared: decoded, and read as JSON where it says that it is."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from duskgate.policy.shadow import Comparison

DECODABLE = frozenset(("", "identity", "gzip", "x-gzip", "deflate"))
"""The content codings (RFC 9110 section 8.4.1) that can be undone here."""

_LARGEST = 8
"""A decoded body may be so many times as large as it may be encoded."""


class Incomparable(Exception):
    """The answers cannot be compared; ``reason`` is one word of docs/metrics.md."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Answer(NamedTuple):
    """A whole answer. Header names are lower case; lines of one name are joined."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Document(NamedTuple):
    """A body that was read as JSON, or was not."""

    json: bool
    value: Any


def identical(old: Answer, new: Answer, comparison: Comparison) -> bool:
    """Whether two answers are the same byte for byte, so that there is nothing to compare."""
    return (
        old.body == new.body
        and old.status == new.status
        and all(
            old.headers.get(name) == new.headers.get(name)
            for name in ("content-encoding", *comparison.headers)
        )
    )


def plain(answer: Answer, limit: int) -> bytes:
    """The body with its content coding undone. Raises Incomparable where it cannot be, within bounds."""
    coding = answer.headers.get("content-encoding", "").strip().lower()
    if coding not in DECODABLE:
        raise Incomparable("encoded")
    if coding in ("", "identity") or not answer.body:
        return answer.body
    return _inflated(answer.body, limit * _LARGEST, wbits=47 if "gzip" in coding else 15)


def _inflated(body: bytes, limit: int, wbits: int) -> bytes:
    unpacking = zlib.decompressobj(wbits)
    try:
        out = unpacking.decompress(body, limit)
    except zlib.error:
        raise Incomparable("encoded") from None
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise Incomparable("too-large" if unpacking.unconsumed_tail else "encoded")
    return out


def says_json(answer: Answer) -> bool:
    """Whether the media type is JSON's, or ends in ``+json`` (RFC 6839 section 3.1)."""
    kind = answer.headers.get("content-type", "").split(";", 1)[0].strip().lower()
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def document(answer: Answer, body: bytes) -> Document:
    """The body as JSON (RFC 8259), if it is. Raises Incomparable for one that is nested too deeply."""
    if not says_json(answer):
        return Document(False, None)
    try:
        value = json.loads(body, parse_float=_number, parse_constant=_no_number)
    except RecursionError:
        raise Incomparable("too-complex") from None
    except ValueError:
        return Document(False, None)
    return Document(True, value)


def _number(text: str) -> float:
    """A number that a double can hold. Of others too much would look alike."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _no_number(text: str) -> float:
    """``NaN`` and ``Infinity`` are not JSON."""
    raise ValueError(text)
