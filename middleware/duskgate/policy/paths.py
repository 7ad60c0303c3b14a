"""Reading a request path for matching. What is forwarded is never touched here.

A path can be written in many ways that a backend may take for the same resource: encoded slashes, doubled
slashes, matrix parameters, dot segments. Matching reads through those spellings, so that none of them
reaches a version or an endpoint under a name the rules do not know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

Segments = Sequence[bytes]

_PRINTABLE = bytes(set(range(0x21, 0x100)) - {0x7F})
_HARMLESS = bytes(set(_PRINTABLE) - set(b"%;\\"))
_SEPARATORS = re.compile(rb"[/\\]")
_DOTS = frozenset((b".", b".."))

MOST_SEGMENTS = 1000
"""Of a path that can be read in several ways: each costs some microseconds."""


class BadPath(ValueError):
    """The path cannot be read safely; the message says why, in words for the caller."""


def read(raw: bytes) -> tuple[Segments, tuple[Segments, ...], bool]:
    """Read the raw (still encoded) path of a request target, RFC 3986 section 3.3.

    Returns its segments, with percent-encoding undone and empty segments and matrix parameters left out;
    the other ways in which backends may read it that take ``%2F``, ``%5C`` and ``\\`` for separators; and
    whether it is written plainly, so that its segments stand in it letter by letter.

    Raises BadPath for a path that is not absolute, or that holds a dot segment or a control character.
    """
    if raw[:1] != b"/":
        raise BadPath("the request target is not an absolute path")
    if is_usual(raw):
        parts = raw.split(b"/")
        return parts[1:] if parts[-1] else parts[1:-1], (), True
    return _read_unusual(raw)


def is_usual(raw: bytes) -> bool:
    """Whether a path can be read in one way only. This is asked of every request, so it is done in C."""
    return not raw.translate(None, _HARMLESS) and b"//" not in raw and b"/." not in raw


def has_controls(raw: bytes) -> bool:
    """Whether something in it could end a request line: a space or a control character."""
    return bool(raw.translate(None, _PRINTABLE))


def _read_unusual(raw: bytes) -> tuple[Segments, tuple[Segments, ...], bool]:
    if has_controls(raw):
        raise BadPath("the path holds a space, a NUL or another control character")
    kept: list[bytes] = []
    split_first: list[bytes] = []
    bared_first: list[bytes] = []
    parts = [part for part in raw.split(b"/") if part]
    if len(parts) > MOST_SEGMENTS:
        raise BadPath(f"the path has more than {MOST_SEGMENTS} segments, some of them not plainly written")
    for part in parts:
        plain = unquote_to_bytes(part)
        if b"\x00" in plain:
            raise BadPath("the path holds an encoded NUL")
        pieces = [_bare(piece) for piece in _SEPARATORS.split(plain)]
        if not _DOTS.isdisjoint(pieces):
            raise BadPath("the path holds a dot segment; send it with . and .. already resolved")
        split_first += filter(None, pieces)
        bared_first += filter(None, _SEPARATORS.split(_bare(plain)))
        kept += filter(None, (_bare(plain),))
    others: list[list[bytes]] = []
    for reading in (split_first, bared_first):
        if reading != kept and reading not in others:
            others.append(reading)
    return kept, tuple(others), False


def _bare(segment: bytes) -> bytes:
    """A segment without its matrix parameters (``users;v=1``), which servers differ in honouring."""
    return segment.split(b";", 1)[0]


def offset_after(raw: bytes, count: int) -> int:
    """Where in ``raw`` its first ``count`` segments end, counting as ``read`` counts them."""
    position = 0
    while count:
        start = position + 1
        position = raw.find(b"/", start)
        if position < 0:
            return len(raw)
        if position > start and _bare(unquote_to_bytes(raw[start:position])):
            count -= 1
    return position
