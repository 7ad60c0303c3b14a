"""From a request to the api it is for and the version it names, before flags and dates come in."""

from __future__ import annotations

from typing import NamedTuple

from duskgate.policy.decision import BadRequest, NotFound, UnknownVersion, VersionConflict
from duskgate.policy.paths import BadPath, Segments, has_controls, read
from duskgate.policy.plan import Api, Found, Plan
from duskgate.policy.request import Request
from duskgate.policy.resolvers import HostResolver


class Route(NamedTuple):
    """Where a request is bound. ``version`` is the one it names, ``None`` if it names none.

    ``matched`` counts the segments of the path that are the api's own, and ``api_length`` is their length if
    the path is written plainly. ``rest`` is the path below them; ``other_rests`` is the same in the other
    ways in which a backend may read it.
    """

    api: Api
    version: str | None
    named_by: str
    in_path: bool
    matched: int
    rest: Segments
    other_rests: tuple[Segments, ...]
    api_length: int | None


Refused = NotFound | UnknownVersion | VersionConflict | BadRequest


def route(plan: Plan, request: Request) -> Route | Refused:
    """Find the api and read every explicit version signal; two that disagree are refused."""
    try:
        segments, others, plain = read(request.path)
    except BadPath as error:
        return BadRequest(str(error))
    if request.query and has_controls(request.query):
        return BadRequest("the query holds a space or a control character")
    found = plan.routes.find(segments)
    for other in others:
        also = plan.routes.find(other)
        if (found and found[:2]) != (also and also[:2]):
            return BadRequest("encoded separators make the path ambiguous: it could be for two versions")
    if found is None:
        return NotFound()
    length = found[2] + sum(map(len, segments[: found[2]])) if plain else None
    return _named(found, segments, others, length, request)


def reread(bound: Route, request: Request) -> Route | None:
    """The same route for a request that names another version of the api; ``None`` if it cannot be read."""
    try:
        segments, others, _ = read(request.path)
    except BadPath:
        return None
    matched = bound.matched
    rests = tuple([other[matched:] for other in others]) if others else ()
    return bound._replace(rest=segments[matched:], other_rests=rests, api_length=None)


def _named(
    found: Found, path: Segments, others: tuple[Segments, ...], length: int | None, request: Request
) -> Route | UnknownVersion | VersionConflict:
    api, text, matched = found
    version: str | None = None
    named_by = "default"
    if text is not None:
        named_by = "path"
        version = api.by_text.get(text)
        if version is None:
            return _unknown(api, named_by, text, 404)
    if api.resolvers:
        said = _signals(api, version, named_by, request)
        if isinstance(said, (UnknownVersion, VersionConflict)):
            return said
        version, named_by = said
    rests = tuple([other[matched:] for other in others]) if others else ()
    return Route(api, version, named_by, text is not None, matched, path[matched:], rests, length)


def _signals(
    api: Api, version: str | None, named_by: str, request: Request
) -> tuple[str | None, str] | UnknownVersion | VersionConflict:
    """Read every resolver outside the path; they must all agree, with each other and with the path."""
    for resolver in api.resolvers:
        for text in resolver.read(request):
            said = api.by_text.get(text)
            if said is None:
                status = 404 if isinstance(resolver, HostResolver) else 400
                return _unknown(api, resolver.label, text, status)
            if version is None:
                version, named_by = said, resolver.label
            elif said != version:
                return VersionConflict(api.name, (named_by, version), (resolver.label, said))
    return version, named_by


def _unknown(api: Api, source: str, text: bytes, status: int) -> UnknownVersion:
    return UnknownVersion(api.name, source, text.decode("utf-8", "replace")[:64], api.versions, status)
