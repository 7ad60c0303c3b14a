"""A request as if it had named another version.

Every signal in it that names its version names the other one: the path's segment, the header, the media type
in ``Accept``, the query's parameter, the part of the host name. One that names none gets one signal: in the
path where the version may stand there, else by the first resolver. Where no signal can name a version, as in
an api that only flags tell apart, it names none either.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import assert_never
from urllib.parse import quote

from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.paths import offset_after
from duskgate.policy.request import Header, Request
from duskgate.policy.resolvers import (
    Explicit,
    HeaderResolver,
    HostResolver,
    MediaTypeResolver,
    QueryResolver,
)
from duskgate.policy.route import Route
from duskgate.policy.targets import port_of, resource_path


def renamed(bound: Route, request: Request, to: str, parts: tuple[bytes | int, ...] | None) -> Request:
    """The request with each of its version signals naming ``to`` instead.

    ``parts``: the resource's path in that version, where it has it elsewhere, as in ``Successor``.
    """
    name, index, path = to.encode(), bound.api.version_index, request.path
    if parts is not None:
        path = path[: offset_after(path, bound.matched)] + resource_path(bound, parts)
    if index is not None and bound.in_path:
        path = _renamed_segment(path, index, name)
    request = request._replace(path=path)
    if bound.version is None:
        return request
    old = {text for text, version in bound.api.by_text.items() if version == bound.version}
    for resolver in bound.api.resolvers:
        if resolver.read(request):
            request = _renamed(resolver, request, old, name)
    return request


def named(bound: Route, request: Request, to: str) -> Request:
    """A request that names no version with one signal that names ``to``."""
    name, index = to.encode(), bound.api.version_index
    if index is not None:
        at = offset_after(request.path, index)
        return request._replace(path=request.path[:at] + b"/" + name + request.path[at:])
    if bound.api.resolvers:
        return _added(bound.api.resolvers[0], request, name)
    return request


def has_method(lifecycle: Lifecycle, to: str, method: str) -> bool:
    """Whether a resource with this lifecycle has the same method in ``to``, as far as that is declared."""
    same = "GET" if method == "HEAD" else method
    return lifecycle.successor != to or lifecycle.method in (None, same)


def _renamed_segment(path: bytes, index: int, name: bytes) -> bytes:
    """The path with another version in its segment, whose matrix parameters stay."""
    start, end = offset_after(path, index), offset_after(path, index + 1)
    segment = path[start:end]
    text = segment.rindex(b"/") + 1
    parameters = segment.find(b";", text)
    kept = segment[parameters:] if parameters >= 0 else b""
    return path[:start] + segment[:text] + name + kept + path[end:]


def _renamed(resolver: Explicit, request: Request, old: Set[bytes], name: bytes) -> Request:
    """The request with another version wherever this resolver reads one of the ``old`` texts."""
    match resolver:
        case HeaderResolver(key=key):
            return _with_headers(
                request, [(one, name if one == key else value) for one, value in request.headers]
            )
        case MediaTypeResolver():
            return _with_headers(
                request,
                [
                    (one, _renamed_ranges(resolver, value, old, name) if one == b"accept" else value)
                    for one, value in request.headers
                ],
            )
        case QueryResolver():
            pairs = [_renamed_pair(resolver, pair, name) for pair in request.query.split(b"&")]
            return request._replace(query=b"&".join(pairs))
        case HostResolver():
            return _at_host(resolver, request, name)
        case _:
            assert_never(resolver)


def _added(resolver: Explicit, request: Request, name: bytes) -> Request:
    """The request with one more signal."""
    match resolver:
        case HeaderResolver(key=key):
            return _with_headers(request, [*request.headers, (key, name)])
        case MediaTypeResolver():
            accept = b", ".join([resolver.naming(b"", name), *request.values(b"accept")])
            others = [header for header in request.headers if header[0] != b"accept"]
            return _with_headers(request, [*others, (b"accept", accept)])
        case QueryResolver():
            pair = quote(resolver.name, safe="", encoding="latin-1").encode() + b"=" + name
            return request._replace(query=request.query + b"&" + pair if request.query else pair)
        case HostResolver():
            return _at_host(resolver, request, name)
        case _:
            assert_never(resolver)


def _with_headers(request: Request, headers: Sequence[Header]) -> Request:
    return request._replace(headers=headers, fields=dict(headers))


def _renamed_ranges(resolver: MediaTypeResolver, value: bytes, old: Set[bytes], name: bytes) -> bytes:
    return b",".join(
        resolver.naming(part, name) if resolver.version_in(part) in old else part
        for part in value.split(b",")
    )


def _renamed_pair(resolver: QueryResolver, pair: bytes, name: bytes) -> bytes:
    key = pair.split(b"=", 1)[0]
    return key + b"=" + name if resolver.is_key(key) else pair


def _at_host(resolver: HostResolver, request: Request, name: bytes) -> Request:
    host = resolver.before + name + resolver.after + port_of(request)
    others = [header for header in request.headers if header[0] != b"host"]
    return _with_headers(request, [(b"host", host), *others])
