"""What ends, as far as callers are told by now: the one content of every form of the feed.

Only what an ``Ending`` has room for gets out. Backends, consumers, owners, reasons and operators have none.
URLs are references (RFC 3986 section 4.1), or templates of such (RFC 6570) where the endpoint has parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from duskgate.policy.build import make_successor
from duskgate.policy.lifecycle import Lifecycle, Phase, Window
from duskgate.policy.plan import WHOLE, Api, Plan, Rule, Successor
from duskgate.policy.shares import BUCKETS
from duskgate.policy.timeline import rules


class Rehearsal(NamedTuple):
    """A brownout: from ``start`` until ``end`` (ms). ``everyone``: it is not for a share of the callers."""

    start: int
    end: int
    status: int
    everyone: bool


class Next(NamedTuple):
    """Where to go: a version, the same resource in it, and its method there, where it differs.

    Without a ``url`` only a header tells the two versions apart.
    """

    version: str
    url: str | None
    method: str | None


@dataclass(frozen=True, slots=True)
class Ending:
    """One version, or one endpoint of it, that ends. Instants are in ms.

    ``methods``: none means all. ``enforced``: a gate may hold the sunset back until then, at the latest.
    """

    api: str
    version: str
    endpoint: str | None
    methods: tuple[str, ...]
    url: str
    phase: Phase
    announced: int | None
    deprecated: int | None
    sunset: int | None
    enforced: int | None
    removed: int | None
    guide: str | None
    contact: str | None
    successor: Next | None
    brownouts: tuple[Rehearsal, ...]

    @property
    def name(self) -> str:
        """What it is called: ``accounts v1``, or ``accounts v1 GET /users/{id}``."""
        methods = f" {', '.join(self.methods)}" if self.methods else ""
        endpoint = f"{methods} {self.endpoint}" if self.endpoint is not None else ""
        return f"{self.api} {self.version}{endpoint}"

    @property
    def key(self) -> str:
        """What stands for it for good, whatever its dates are."""
        methods = f" {','.join(self.methods)}" if self.methods else ""
        endpoint = f"{methods} {self.endpoint}" if self.endpoint is not None else ""
        return f"{self.api}/{self.version}{endpoint}"

    @property
    def whole(self) -> str:
        """The key of the version that it is, or is a part of."""
        return f"{self.api}/{self.version}"


class Told(NamedTuple):
    """An ending, and the rule that it was read from."""

    ending: Ending
    rule: Rule


def endings(plan: Plan, now: int) -> list[Told]:
    """What callers are told of at an instant (ms): versions as in the YAML, each before its endpoints.

    An endpoint is among it where it differs from its version in what callers are told.
    """
    found = [
        Told(_ending(plan.apis[rule.api], rule, now), rule)
        for rule, whole in rules(plan)
        if rule.lifecycle.told(now) and (rule is whole or _differs(rule.lifecycle, whole.lifecycle, now))
    ]
    apis = list(plan.apis)
    return sorted(found, key=lambda told: _place(apis, plan, told.ending))


def _place(apis: list[str], plan: Plan, ending: Ending) -> tuple[int, int, str, tuple[str, ...]]:
    versions = plan.apis[ending.api].versions
    return apis.index(ending.api), versions.index(ending.version), ending.endpoint or "", ending.methods


def _differs(own: Lifecycle, whole: Lifecycle, now: int) -> bool:
    return not whole.told(now) or _facts(own) != _facts(whole)


def _facts(dates: Lifecycle) -> tuple[object, ...]:
    return (
        dates.announced,
        dates.deprecated,
        dates.sunset,
        dates.enforced,
        dates.removed,
        dates.guide,
        dates.contact,
        dates.successor,
        dates.successor_path,
        dates.method,
        rehearsals(dates),
    )


def rehearsals(dates: Lifecycle) -> tuple[Rehearsal, ...]:
    """The brownouts of a lifecycle, earliest first, without whom they spare."""
    return tuple(Rehearsal(one.start, one.end, one.status, _for_everyone(one)) for one in dates.brownouts)


def _for_everyone(window: Window) -> bool:
    return window.share is None or window.share.part(window.start) >= BUCKETS


def _ending(api: Api, rule: Rule, now: int) -> Ending:
    dates = rule.lifecycle
    endpoint = None if rule.endpoint == WHOLE else rule.endpoint
    own = make_successor(api.path, api.resolvers, rule.version)
    return Ending(
        api=rule.api,
        version=rule.version,
        endpoint=endpoint,
        methods=tuple(sorted(rule.methods)),
        url=_template(own, endpoint or "") if own is not None else _without_version(api, endpoint or ""),
        phase=dates.phase(now),
        announced=dates.announced,
        deprecated=dates.deprecated,
        sunset=dates.sunset,
        enforced=dates.held_until if dates.held_until != dates.sunset else None,
        removed=dates.removed,
        guide=dates.guide,
        contact=dates.contact,
        successor=_next(rule, endpoint),
        brownouts=rehearsals(dates),
    )


def _next(rule: Rule, endpoint: str | None) -> Next | None:
    dates = rule.lifecycle
    if dates.successor is None:
        return None
    path = "" if endpoint is None else dates.successor_path or endpoint
    url = _template(rule.successor, path) if rule.successor is not None else None
    return Next(dates.successor, url, dates.method)


def _template(place: Successor, path: str) -> str:
    """The URL of a resource in one version, which is named once: in the path, the query or the host."""
    url = place.head.decode() + _encoded(path) or "/"
    if place.in_path:
        return url
    if place.query is not None:
        key, value = place.query
        return f"{url}?{quote(key, safe='')}={value.decode()}"
    return "//" + b"".join(place.host or ()).decode() + url


def _without_version(api: Api, path: str) -> str:
    return "".join(f"/{part.decode()}" for part in api.path if part is not None) + _encoded(path) or "/"


def _encoded(template: str) -> str:
    return quote(template, safe="/{}:@!$&'()*+,=~")


def ahead(ending: Ending, now: int) -> Iterator[Rehearsal]:
    """The brownouts that are not over at an instant."""
    return (one for one in ending.brownouts if one.end > now)
