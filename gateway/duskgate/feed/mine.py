"""A caller's own page: what ends for this caller, when, and what use is on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from duskgate.feed.as_json import brownout, members, time, written
from duskgate.feed.edition import Edition
from duskgate.feed.endings import Ending, Rehearsal, Told
from duskgate.policy.identify import Who
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.plan import WHOLE

NOT_RECORDED = "Use is not recorded here."
UNREADABLE = "The record of use cannot be read at the moment."

HOUR = 3_600_000
LOOK_BACK = 90 * 24 * HOUR
"""Ms of the past whose use is shown."""

_ALL = ""
"""Stands for all endings together among the keys of uses."""


class Used(Protocol):
    """A caller's use of one endpoint of one version (``*``: of the rest of it); times in ms."""

    @property
    def api(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def last_seen(self) -> int: ...


class OwnUse(Protocol):
    """The record of use. Asked in a thread; may raise anything where it cannot be read.

    ``consumer`` is the label that stands for the caller in metrics: the known name, or a digest.
    """

    def of_consumer(self, consumer: str, since: int | None = None) -> Iterable[Used]: ...


class Use(NamedTuple):
    """How often something was called, and when last (ms)."""

    requests: int = 0
    last: int | None = None


class Own(NamedTuple):
    """An ending as it is for one caller: with its own dates, and the brownouts ahead, whether they hit it.

    ``grace``: the sunset is a later one than that of others.
    """

    ending: Ending
    grace: bool
    brownouts: tuple[tuple[Rehearsal, bool], ...]
    use: Use | None


class Page(NamedTuple):
    """What a caller is shown. ``use`` is ``None``, and ``why`` says why, where none is known."""

    who: Who
    edition: Edition
    now: int
    owns: tuple[Own, ...]
    use: Use | None
    why: str | None


def since(now: int) -> int:
    """From when on use is shown: a full hour, since use is kept by the hour."""
    return (now - LOOK_BACK) // HOUR * HOUR


def page(edition: Edition, who: Who, used: Iterable[Used] | None, why: str | None, now: int) -> Page:
    """A caller's page at an instant (ms). ``used`` is what was used, ``None`` if that is not known."""
    uses = None if used is None else _by_ending(edition, used)
    owns = tuple(_own(told, who, uses, now) for told in edition.told)
    return Page(who, edition, now, owns, None if uses is None else uses[_ALL], why)


def _own(told: Told, who: Who, uses: Mapping[str, Use] | None, now: int) -> Own:
    dates = told.rule.lifecycle
    own = _dates(dates, who.consumer, now)
    grace = dates.grace_for(who.consumer, now) is not None
    hit = (not grace and one.hits(who.consumer, who.label, one.end - 1) for one in dates.brownouts)
    brownouts = tuple(pair for pair in zip(told.ending.brownouts, hit, strict=True) if pair[0].end > now)
    ending = replace(
        told.ending,
        sunset=own.sunset,
        enforced=own.held_until if own.held_until != own.sunset else None,
        phase=own.phase(now),
    )
    later = grace and own.sunset != dates.sunset  # a hold may last as long as the grace
    return Own(ending, later, brownouts, None if uses is None else uses.get(told.ending.key, Use()))


def _dates(dates: Lifecycle, consumer: str | None, now: int) -> Lifecycle:
    """The dates that count for a consumer, as its ``Sunset`` header has them."""
    grace = dates.grace_for(consumer, now)
    if grace is None:
        return dates
    later = dates.held_until is not None and dates.held_until > grace.until
    return replace(
        dates,
        sunset=grace.until,
        held_until=dates.held_until if later else None,
        grace=MappingProxyType({}),
    )


def _by_ending(edition: Edition, used: Iterable[Used]) -> dict[str, Use]:
    """Use by the key of its ending: an endpoint's own, or its version's; and of them all together.

    Records know no methods: endings that share a path template share its use.
    """
    keys: dict[tuple[str, str, str], list[str]] = {}
    for told in edition.told:
        rule = told.rule
        keys.setdefault((rule.api, rule.version, rule.endpoint), []).append(told.ending.key)
    uses: dict[str, Use] = {_ALL: Use()}
    for one in used:
        place = one.api, one.version, one.endpoint
        whole = keys.get((one.api, one.version, WHOLE), []) if place not in edition.spared else []
        found = keys.get(place, whole)
        for key in (*found, *([_ALL] if found else [])):
            uses[key] = _more(uses.get(key, Use()), one)
    return uses


def _more(use: Use, one: Used) -> Use:
    return Use(use.requests + one.count, max(use.last or one.last_seen, one.last_seen))


def as_json(page: Page) -> bytes:
    """The page for programs."""
    use = None
    if page.use is not None:
        use = {"since": rfc3339(since(page.now)), **_use(page.use)}
    document: dict[str, Any] = {
        "caller": page.who.label,
        "known": page.who.consumer is not None,
        "at": rfc3339(page.now),
        "use": use,
        **({} if page.why is None else {"use_note": page.why}),
        "endings": [_members(own, page.edition) for own in page.owns],
    }
    return written(document)


def _use(use: Use) -> dict[str, Any]:
    return {"requests": use.requests, "last_seen": time(use.last)}


def _members(own: Own, edition: Edition) -> dict[str, Any]:
    return {
        **members(own.ending, edition),
        "grace": own.grace,
        "brownouts": [{**brownout(one), "hits_you": hit} for one, hit in own.brownouts],
        "use": None if own.use is None else _use(own.use),
    }
