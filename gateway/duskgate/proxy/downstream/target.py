"""Request lines (RFC 9112 section 3): the four forms of a target, and methods unknown to the parser."""

from __future__ import annotations

import re

_PARSED = frozenset(
    b"ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL"
    b" MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE"
    b" SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
"""The methods of llhttp."""

METHODS = {method: method.decode("ascii") for method in _PARSED}
"""Their names as ASGI has them."""

_USUAL = frozenset(b"GET |POST|PUT |HEAD|PATC|DELE|OPTI".split(b"|"))
_METHOD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ")
_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)([^#]*)", re.IGNORECASE)


class BadTarget(ValueError):
    """The target is of no form that could be served."""


def read_target(target: bytes) -> tuple[bytes, bytes, bytes | None]:
    """The raw path and query of a request target, and the authority that an absolute one names.

    That authority stands in for ``Host`` (RFC 9112 section 3.2.2). Raises BadTarget.
    """
    if b"#" in target:
        raise BadTarget("a request target has no fragment")
    if target[:1] == b"/":
        path, _, query = target.partition(b"?")
        return path, query, None
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return target, b"", None  # * and the authority of a tunnel: nothing is served there
    path, _, query = absolute[2].partition(b"?")
    return path or b"/", query, absolute[1]


def with_known_method(data: bytes) -> tuple[bytes, str | None]:
    """The beginning of a request with a method that the parser knows in place of one it does not.

    The second is then the request's own method. Methods may be any token (RFC 9110 section 9.1), and to the
    parser all but CONNECT and HEAD are alike.
    """
    if data[:4] in _USUAL:
        return data, None
    found = _METHOD.match(data)
    if found is None or found[1] in _PARSED:
        return data, None
    return b"POST" + data[found.end(1) :], found[1].decode("ascii")
