"""From a request to the api it is for and the version it names, before flags and dates come in."""

from __future__ import annotations

from dataclasses import dataclass

from duskgate.policy.decision import BadRequest, NotFound, UnknownVersion, VersionConflict
from duskgate.policy.paths import BadPath, Segments, read
from duskgate.policy.plan import Api, Plan
from duskgate.policy.request import Request
from duskgate.policy.resolvers import HostResolver


@dataclass(frozen=True, slots=True)
class Route:
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
    if (found and (found[0], found[1])) != (other and (other[0], other[1])):
        return BadRequest("encoded separators make the path ambiguous: it could be for two versions")
    return _named(found, segments, decoded, request)


def _named(
    found: tuple[Api, bytes | None, int] | None, path: Segments, decoded: Segments | None, request: Request
) -> Route | Refused:
    if found is None:
        return NotFound()
    api, text, matched = found
    version, source, refused = _signals(api, text, request)
    if refused is not None:
        return refused
    rest = decoded[matched:] if decoded is not None else None
    return Route(api, version, source, text is not None, matched, path[matched:], rest)


def _signals(api: Api, in_path: bytes | None, request: Request) -> tuple[str | None, str, Refused | None]:
    version: str | None = None
    named_by = "default"
    if in_path is not None:
        named_by = "path"
        version = api.by_text.get(in_path)
        if version is None:
            return None, named_by, _unknown(api, named_by, in_path, 404)
    for resolver in api.resolvers:
        for text in resolver.read(request):
            said = api.by_text.get(text)
            if said is None:
                status = 404 if isinstance(resolver, HostResolver) else 400
                return None, named_by, _unknown(api, resolver.label, text, status)
            if version is None:
                version, named_by = said, resolver.label
            elif said != version:
                conflict = VersionConflict(api.name, (named_by, version), (resolver.label, said))
                return None, named_by, conflict
    return version, named_by, None


def _unknown(api: Api, source: str, text: bytes, status: int) -> UnknownVersion:
    return UnknownVersion(api.name, source, text.decode("utf-8", "replace")[:64], api.versions, status)
