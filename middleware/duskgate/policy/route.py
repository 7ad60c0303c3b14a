"""From a request to the api it is for and the version it names, before flags and dates come in."""

from __future__ import annotations

from typing import NamedTuple

from duskgate.policy.decision import BadRequest, NotFound, UnknownVersion, VersionConflict
from duskgate.policy.paths import BadPath, Segments, read
from duskgate.policy.plan import Api, Found, Plan
from duskgate.policy.request import Request
from duskgate.policy.resolvers import HostResolver


class Route(NamedTuple):
    """Where a request is bound. ``version`` is the one it names, ``None`` if it names none.

    ``rest`` is the path below the api's; ``decoded_rest`` is the same with encoded separators undone, where
    that differs. ``matched`` counts the segments of the path that are the api's own.
    """

    api: Api
    version: str | None
    named_by: str
    in_path: bool
    matched: int
    rest: Segments
    decoded_rest: Segments | None


Refused = NotFound | UnknownVersion | VersionConflict | BadRequest


def route(plan: Plan, request: Request) -> Route | Refused:
    """Find the api and read every explicit version signal; two that disagree are refused."""
    try:
        segments, decoded = read(request.path)
    except BadPath as error:
        return BadRequest(str(error))
    found = plan.routes.find(segments)
    if decoded is None:
        return _named(found, segments, None, request)
    other = plan.routes.find(decoded)
    if (found and found[:2]) != (other and other[:2]):
        return BadRequest("encoded separators make the path ambiguous: it could be for two versions")
    return _named(found, segments, decoded, request)


def _named(
    found: Found | None, path: Segments, decoded: Segments | None, request: Request
) -> Route | Refused:
    if found is None:
        return NotFound()
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
    rest = decoded[matched:] if decoded is not None else None
    return Route(api, version, named_by, text is not None, matched, path[matched:], rest)


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
