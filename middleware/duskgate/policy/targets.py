"""The two paths made from a request's own: the one its backend is asked for, and its successor's."""

from __future__ import annotations

from urllib.parse import quote

from duskgate.policy.paths import offset_after
from duskgate.policy.plan import Rule
from duskgate.policy.request import Request
from duskgate.policy.resolvers import HostResolver, QueryResolver
from duskgate.policy.route import Route


def upstream_target(bound: Route, rule: Rule, request: Request) -> bytes:
    """The raw path and query for the backend: as sent, byte for byte, but for a rewritten api path."""
    path = request.path
    if rule.rewrite is not None:
        path = rule.rewrite + path[offset_after(path, bound.matched) :] or b"/"
    return path + b"?" + request.query if request.query else path


def successor_url(bound: Route, rule: Rule, request: Request) -> bytes | None:
    """A URL reference (RFC 3986 section 4.1) to the same resource in the next version, its query kept.

    ``None`` where there is no successor, or where the next version has no URL of its own because only a
    header tells it from this one.
    """
    successor = rule.lifecycle.successor
    if successor is None:
        return None
    query = b"?" + request.query if request.query else b""
    name = quote(successor, safe="").encode()
    if bound.api.version_index is not None:
        return _local(_in_path(bound, rule, request.path, name)) + query
    return _elsewhere(bound, rule, request, name)


def _local(path: bytes) -> bytes:
    """The path with one slash in front: two would make the reference name another host."""
    return path if path[1:2] not in (b"/", b"\\") else b"/" + path.lstrip(b"/\\")


def _in_path(bound: Route, rule: Rule, path: bytes, name: bytes) -> bytes:
    index = bound.api.version_index or 0
    before = path[: offset_after(path, index)]
    api_ends = offset_after(path, bound.matched)
    version_ends = offset_after(path, index + 1) if bound.in_path else len(before)
    return b"".join((before, b"/", name, path[version_ends:api_ends], _resource(bound, rule, path)))


def _resource(bound: Route, rule: Rule, path: bytes) -> bytes:
    """The path below the api's, in the next version's form."""
    if rule.successor_path is None:
        return path[offset_after(path, bound.matched) :]
    filled = (
        quote(bound.rest[part], safe="").encode() if isinstance(part, int) else part
        for part in rule.successor_path.parts
    )
    return b"".join(b"/" + part for part in filled)


def _elsewhere(bound: Route, rule: Rule, request: Request, name: bytes) -> bytes | None:
    """The successor's URL where the version stands in the host or the query."""
    api_path = request.path[: offset_after(request.path, bound.matched)]
    path = _local(api_path + _resource(bound, rule, request.path))
    for resolver in bound.api.resolvers:
        if isinstance(resolver, HostResolver):
            query = b"?" + request.query if request.query else b""
            return b"//" + resolver.before + name + resolver.after + _port(request) + path + query
        if isinstance(resolver, QueryResolver):
            return path + b"?" + _query_with(request.query, resolver.name, name)
    return None


def _port(request: Request) -> bytes:
    host = request.fields.get(b"host", b"")
    _, colon, port = host.rpartition(b":")
    return colon + port if port.isdigit() else b""


def _query_with(query: bytes, key: str, value: bytes) -> bytes:
    name = quote(key, safe="").encode()
    kept = [pair for pair in query.split(b"&") if pair and pair.split(b"=", 1)[0] not in (name, key.encode())]
    return b"&".join([*kept, name + b"=" + value])
