"""The copy of a request that a version's shadow gets: the request as if it had asked for that version itself.

Every signal in the request that names its version names the other one in the copy: the path's segment, the
header, the media type in ``Accept``, the query's parameter, the part of the host name. A request that names
none gets one signal: in the path where the version may stand there, else by the first resolver. Where no
signal can name a version, as in an api that only flags tell apart, the copy names none either.

The copy is then decided like any request. So it goes where that version's requests go, rewritten as they are,
and nowhere if they would be refused.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from enum import Enum
from typing import NamedTuple, assert_never
from urllib.parse import quote

from duskgate.policy.decide import NO_FLAGS, conclude
from duskgate.policy.decision import Forward
from duskgate.policy.lifecycle import Phase
from duskgate.policy.paths import offset_after
from duskgate.policy.plan import Plan, Rule
from duskgate.policy.request import Header, Request
from duskgate.policy.resolvers import (
    Explicit,
    HeaderResolver,
    HostResolver,
    MediaTypeResolver,
    QueryResolver,
)
from duskgate.policy.route import Route, route
from duskgate.policy.shadow import Shadow
from duskgate.policy.targets import port_of, resource_path


class Copy(NamedTuple):
    """What to ask a backend for. ``target`` is the raw path and query, as in ``Forward``."""

    backend: str
    target: bytes
    request: Request


class Uncopied(str, Enum):
    """Why there is no copy."""

    UNNAMED = "unnamed"
    UNAVAILABLE = "unavailable"

    __str__ = str.__str__


def copy_of(plan: Plan, request: Request, rule: Rule, shadow: Shadow, now: int) -> Copy | Uncopied:
    """The copy of a request that was forwarded under ``rule``; ``now`` in ms.

    UNAVAILABLE: requests for the other version would be refused now, at least from some callers.
    """
    bound = route(plan, request)
    if not isinstance(bound, Route) or not _same_method(rule, shadow, request.method):
        return Uncopied.UNNAMED
    asked = naming(bound, request, shadow)
    again = route(plan, asked)
    if not isinstance(again, Route) or again.api is not bound.api:
        return Uncopied.UNNAMED
    if again.version is None:
        again = again._replace(version=shadow.to)
    if again.version != shadow.to:
        return Uncopied.UNNAMED
    decision = conclude(again, asked._replace(consumer=None), NO_FLAGS, now)
    if not isinstance(decision, Forward) or not _open_to_all(decision.rule, now):
        return Uncopied.UNAVAILABLE
    return Copy(decision.rule.backend, decision.target, asked)


def _same_method(rule: Rule, shadow: Shadow, method: str) -> bool:
    lifecycle = rule.lifecycle
    same = "GET" if method == "HEAD" else method
    return lifecycle.successor != shadow.to or lifecycle.method in (None, same)


def _open_to_all(rule: Rule, now: int) -> bool:
    lifecycle = rule.lifecycle
    return lifecycle.phase(now) in (Phase.ACTIVE, Phase.DEPRECATED) and lifecycle.brownout(now) is None


def naming(bound: Route, request: Request, shadow: Shadow) -> Request:
    """The request with its version signals naming the shadow's version, and with one more if it has none."""
    name = shadow.to.encode()
    index = bound.api.version_index
    path = _moved(bound, request.path, shadow)
    if index is not None and bound.in_path:
        path = _renamed_segment(path, index, name)
    elif index is not None and bound.version is None:
        at = offset_after(path, index)
        path = path[:at] + b"/" + name + path[at:]
    request = request._replace(path=path)
    if bound.version is not None:
        old = {text for text, version in bound.api.by_text.items() if version == bound.version}
        for resolver in bound.api.resolvers:
            if resolver.read(request):
                request = _renamed(resolver, request, old, name)
    elif index is None and bound.api.resolvers:
        request = _added(bound.api.resolvers[0], request, name)
    return request


def _moved(bound: Route, path: bytes, shadow: Shadow) -> bytes:
    """The path, where the other version has the resource elsewhere."""
    if shadow.parts is None:
        return path
    return path[: offset_after(path, bound.matched)] + resource_path(bound, shadow.parts)


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
