"""The two paths made from a request's own: the one its backend is asked for, and its successor's."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote_to_bytes

from duskgate.policy.paths import offset_after
from duskgate.policy.plan import Rule, Successor
from duskgate.policy.request import Request
from duskgate.policy.resolvers import HostResolver
from duskgate.policy.route import Route


def upstream_target(bound: Route, rule: Rule, request: Request) -> bytes:
    """The raw path and query for the backend: as sent, byte for byte, but for a rewritten api path."""
    path = request.path
    if rule.rewrite is not None:
        path = rule.rewrite + _below(bound, path) or b"/"
    return path + b"?" + request.query if request.query else path


def successor_url(bound: Route, rule: Rule, request: Request) -> bytes | None:
    """A URL reference (RFC 3986 section 4.1) to the same resource in the next version, its query kept.

    Every signal in the request's URL that names this version names the next one in it.
    """
    successor = rule.successor
    if successor is None:
        return None
    url = successor.head + _resource(bound, successor, request.path)
    if url[1:2] in (b"/", b"\\") or not url:
        url = b"/" + url.lstrip(b"/\\")  # two slashes in front would make it name another host
    query = request.query
    named = successor.in_path
    if successor.host is not None:
        host = _next_host(successor.host, request, needed=not named and successor.query is None)
        named = named or bool(host)
        url = host + url
    if successor.query is not None:
        query = _query_with(query, *successor.query, needed=not named)
    return url + b"?" + query if query else url


def _next_host(parts: tuple[bytes, bytes, bytes], request: Request, *, needed: bool) -> bytes:
    """``//`` and the next version's host, if this request's host names a version or nothing else can."""
    before, name, after = parts
    if not needed and not HostResolver(before, after).read(request):
        return b""
    return b"//" + before + name + after + port_of(request)


def _resource(bound: Route, successor: Successor, path: bytes) -> bytes:
    """The path below the api's, in the next version's form."""
    return _below(bound, path) if successor.parts is None else resource_path(bound, successor.parts)


def resource_path(bound: Route, parts: Sequence[bytes | int]) -> bytes:
    """A path below the api's, made of literals and of the request's own segments by their positions."""
    return b"".join(
        b"/" + (quote(bound.rest[part], safe="").encode() if isinstance(part, int) else part)
        for part in parts
    )


def _below(bound: Route, path: bytes) -> bytes:
    """The raw path without the api's own part."""
    length = bound.api_length
    return path[offset_after(path, bound.matched) if length is None else length :]


def port_of(request: Request) -> bytes:
    """The port in the request's ``Host``, with its colon; empty if there is none."""
    host = request.fields.get(b"host", b"")
    _, colon, port = host.rpartition(b":")
    return colon + port if port.isdigit() else b""


def _query_with(query: bytes, key: bytes, value: bytes, *, needed: bool) -> bytes:
    """The query with the parameter set, if it is there or ``needed``."""
    pairs = [pair for pair in query.split(b"&") if pair]
    kept = [pair for pair in pairs if unquote_to_bytes(pair.split(b"=", 1)[0].replace(b"+", b" ")) != key]
    if len(kept) == len(pairs) and not needed:
        return query
    return b"&".join([*kept, quote(key, safe="").encode() + b"=" + value])
