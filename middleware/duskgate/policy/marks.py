"""What is put on an answer: notices, ``Vary`` and caching, all compiled to header bytes at load.

Deprecation: RFC 9745. Sunset: RFC 8594. Link: RFC 8288, with the relation types ``deprecation`` (RFC 9745),
``sunset`` (RFC 8594) and ``successor-version`` (RFC 5829).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duskgate.policy.instants import imf_fixdate, structured_date
from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.request import Header

_DIRECTIVES = re.compile(rb'(?:[^,"]|"(?:\\.|[^"\\])*"?)+')
_EXPOSED = (b"Deprecation", b"Sunset", b"Link")


@dataclass(frozen=True, slots=True)
class Marks:
    """The header lines that go on an answer, and the names they replace there.

    ``minded`` are the names whose presence makes an answer anything but ordinary: those replaced, and the
    one that says the answer is a CORS one. ``told``: a notice is among the lines.
    """

    lines: tuple[Header, ...] = ()
    replaced: frozenset[bytes] = frozenset()
    minded: frozenset[bytes] = frozenset()
    private: bool = False
    no_store: bool = False
    told: bool = False


def mark(
    lifecycle: Lifecycle,
    *,
    told: bool,
    vary: Sequence[str] = (),
    private: bool = False,
    no_store: bool = False,
    sunset: int | None = None,
) -> Marks:
    """Compile the marks of a lifecycle. ``sunset``, ms, stands in for the lifecycle's own (grace)."""
    lines = list(_notices(lifecycle, sunset)) if told else []
    replaced = frozenset(name for name, _ in lines if name != b"link")
    if vary:
        lines.append((b"vary", ", ".join(vary).encode("latin-1")))
    minded = replaced | {b"access-control-allow-origin"} if replaced else replaced
    return Marks(tuple(lines), replaced, minded, private, no_store, told=bool(replaced))


def _notices(lifecycle: Lifecycle, sunset: int | None) -> Iterable[Header]:
    ends = sunset if sunset is not None else lifecycle.sunset
    if lifecycle.deprecated is not None:
        yield b"deprecation", structured_date(lifecycle.deprecated).encode()
    if ends is not None:
        yield b"sunset", imf_fixdate(ends).encode()
    if lifecycle.guide and lifecycle.deprecated is not None:
        yield b"link", link(lifecycle.guide.encode(), b"deprecation")
    if lifecycle.guide and ends is not None:
        yield b"link", link(lifecycle.guide.encode(), b"sunset")


def link(target: bytes, relation: bytes) -> bytes:
    """One ``Link`` value. ``target`` comes partly from the caller, so what could leave it is encoded."""
    if b">" in target or b"<" in target or b'"' in target:
        target = target.replace(b">", b"%3E").replace(b"<", b"%3C").replace(b'"', b"%22")
    return b"<" + target + b'>; rel="' + relation + b'"'


def apply(marks: Marks, headers: Sequence[Header], successor: bytes | None = None) -> list[Header]:
    """The headers of an answer with the marks on them; ``successor`` is a URL reference.

    Names in ``headers`` are lower case, as ASGI has them.
    """
    minded = marks.minded
    out = [header for header in headers if header[0] not in minded]
    cors = False
    if len(out) != len(headers):
        out = [header for header in headers if header[0] not in marks.replaced]
        cors = any(name == b"access-control-allow-origin" for name, _ in out)
    out += marks.lines
    if successor is not None and marks.told:
        out.append((b"link", link(successor, b"successor-version")))
    if cors:
        out = _exposed(out)
    if marks.no_store:
        out = _cache_control(out, b"no-store")
    elif marks.private:
        out = _made_private(out)
    return out


def _exposed(headers: list[Header]) -> list[Header]:
    listed = b", ".join(value for name, value in headers if name == b"access-control-expose-headers")
    if listed.strip() == b"*":
        return headers
    kept = [header for header in headers if header[0] != b"access-control-expose-headers"]
    names = {name.strip().lower() for name in listed.split(b",")}
    missing = b", ".join(name for name in _EXPOSED if name.lower() not in names)
    return [*kept, (b"access-control-expose-headers", b", ".join(filter(None, (listed, missing))))]


def _made_private(headers: list[Header]) -> list[Header]:
    """Take an answer out of shared caches, RFC 9111 section 5.2.2.7, leaving its other directives."""
    listed = b",".join(value for name, value in headers if name == b"cache-control")
    directives = [item.strip() for item in _DIRECTIVES.findall(listed) if item.strip()]
    names = {item.split(b"=", 1)[0].lower() for item in directives}
    if b"no-store" in names:
        return headers
    shared = (b"public", b"private", b"s-maxage")
    kept = [item for item in directives if item.split(b"=", 1)[0].lower() not in shared]
    return _cache_control(headers, b", ".join([b"private", *kept]))


def _cache_control(headers: list[Header], value: bytes) -> list[Header]:
    kept = [header for header in headers if header[0] != b"cache-control"]
    return [*kept, (b"cache-control", value)]
