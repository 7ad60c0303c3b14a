"""From the written dates to a compiled lifecycle: relative dates, and the order they must have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType

from duskgate.config import brownouts, models
from duskgate.config.brownouts import windows
from duskgate.config.mistake import Mistake
from duskgate.config.scalars import After, When, instant_of
from duskgate.policy.accept import (
    Accept,
    Condition,
    ContactsNotified,
    CriticalUnseen,
    OldShare,
    SuccessorErrors,
    Unknown,
    Unmet,
)
from duskgate.policy.freeze import Freeze
from duskgate.policy.instants import LAST_MS, rfc3339
from duskgate.policy.lifecycle import Grace, Lifecycle, Redirect, Window
from duskgate.policy.switches import gate_bound

_ORDER = ("announced", "deprecated", "sunset", "removed")


def compiled(lifecycle: models.Lifecycle, seed: int = 0) -> Lifecycle:
    """The lifecycle with every date an instant. Call it once ``mistakes`` finds none.

    ``seed`` divides the consumers for brownouts that are not for all of them.
    """
    start = lifecycle.announced
    deprecated, sunset, removed = (
        instant_of(when, start) for when in (lifecycle.deprecated, lifecycle.sunset, lifecycle.removed)
    )
    dates = Lifecycle(
        announced=start,
        deprecated=deprecated,
        sunset=sunset,
        removed=removed,
        guide=lifecycle.guide,
        contact=lifecycle.contact,
        successor=lifecycle.successor,
        successor_path=lifecycle.successor_path,
        method=lifecycle.successor_method,
        redirect=Redirect(lifecycle.redirect),
        grace=MappingProxyType({one.consumer: one for one in _left(lifecycle, sunset, removed)}),
        grace_warning=lifecycle.grace_warning,
        accept=_accept(lifecycle.accept) if lifecycle.accept is not None else None,
    )
    rehearsals, freeze = _rehearsals(lifecycle, dates, seed), _freeze(lifecycle, dates)
    dates = replace(dates, brownouts=tuple(rehearsals), freeze=freeze)
    waits = dates.accept is not None and dates.accept.holds(None)
    return replace(dates, held_until=gate_bound(dates)) if waits else dates


def _rehearsals(lifecycle: models.Lifecycle, dates: Lifecycle, seed: int) -> list[Window]:
    """The brownouts of a sunset, but for inherited ones that begin before callers are told, or after it."""
    if dates.sunset is None:
        return []
    begins = dates.tells_from
    found = [
        window
        for item in lifecycle.brownouts or ()
        for window in windows(item, dates.announced, seed)
        if (begins is None or window.start >= begins) and window.start < dates.sunset
    ]
    return sorted(found, key=lambda window: window.start)


def _freeze(lifecycle: models.Lifecycle, dates: Lifecycle) -> Freeze | None:
    """The freeze; an inherited one that would begin before callers are told begins with that."""
    freeze, since = lifecycle.freeze, _frozen_from(lifecycle, dates)
    if freeze is None or since is None:
        return None
    return Freeze(max(since, dates.tells_from or since), freeze.mode == "enforce")


def _frozen_from(lifecycle: models.Lifecycle, dates: Lifecycle) -> int | None:
    """When a freeze begins as written."""
    freeze = lifecycle.freeze
    if freeze is None or freeze.start is None:
        return dates.deprecated
    return instant_of(freeze.start, lifecycle.announced)


def _accept(accept: models.Accept) -> Accept:
    conditions: list[Condition] = []
    if accept.old_share is not None:
        conditions.append(OldShare(accept.old_share.below / 100, accept.old_share.over))
    if accept.critical_unseen is not None:
        conditions.append(CriticalUnseen(accept.critical_unseen))
    if accept.successor_errors is not None:
        errors = accept.successor_errors
        conditions.append(SuccessorErrors(errors.over, errors.tolerance / 100))
    if accept.contacts_notified is not None:
        conditions.append(ContactsNotified(accept.contacts_notified.over))
    return Accept(tuple(conditions), Unmet(accept.unmet), accept.hold_at_most, Unknown(accept.on_unknown))


def _left(lifecycle: models.Lifecycle, sunset: int | None, removed: int | None) -> Iterator[Grace]:
    """The grace between sunset and removal: where an endpoint inherits it, its own dates may leave less."""
    for item in lifecycle.grace or ():
        written = instant_of(item.until, lifecycle.announced)
        until = written if removed is None or written is None else min(written, removed)
        if sunset is not None and until is not None and until > sunset:
            yield Grace(item.consumer, until, item.owner, item.reason)


def mistakes(lifecycle: models.Lifecycle, own: frozenset[str] | set[str]) -> Iterator[Mistake]:
    """What is wrong with a lifecycle's dates. ``own`` names the keys that it does not inherit."""
    relative = [place for place, when in _moments(lifecycle) if isinstance(when, After)]
    if relative and lifecycle.announced is None:
        blamed = [place for place in relative if place[0] in own or "announced" in own]
        if blamed:  # of what is inherited as it is it has been said where that stands
            reason = "counts from announced, which is not given"
            yield Mistake(blamed[0], reason, "add announced, or write a date")
        return
    dates = compiled(lifecycle)
    yield from _out_of_range(lifecycle)
    yield from _order(dates, own)
    if dates.removed is not None and dates.sunset is None:
        if "removed" in own:
            yield Mistake(("removed",), "is given without a sunset", "add the sunset that comes before it")
        else:
            yield Mistake(("sunset",), "is gone, but its removal is inherited", "add removed: null")
    if "grace" in own:
        yield from _grace(lifecycle, dates)
    if "brownouts" in own:
        yield from brownouts.mistakes(lifecycle, dates)
    yield from _company(lifecycle, dates, own)


def _moments(lifecycle: models.Lifecycle) -> Iterator[tuple[tuple[str | int, ...], When]]:
    """Each place of a lifecycle that holds a moment."""
    for name in _ORDER[1:]:
        when = getattr(lifecycle, name)
        if when is not None:
            yield (name,), when
    yield from brownouts.moments(lifecycle)
    for index, item in enumerate(lifecycle.grace or ()):
        yield ("grace", index, "until"), item.until
    if lifecycle.freeze is not None and lifecycle.freeze.start is not None:
        yield ("freeze", "from"), lifecycle.freeze.start


def _company(
    lifecycle: models.Lifecycle, dates: Lifecycle, own: frozenset[str] | set[str]
) -> Iterator[Mistake]:
    """Keys that mean nothing without another one."""
    freeze, accept = lifecycle.freeze, lifecycle.accept
    if "freeze" in own and freeze is not None:
        if dates.freeze is None:
            yield Mistake(("freeze",), "has nothing to count from", "add deprecated, or from: DATE")
        elif dates.enforced is not None and dates.freeze.since >= dates.enforced:
            yield Mistake(("freeze",), "begins when the version is switched off already")
        elif (since := _frozen_from(lifecycle, dates)) is not None and since < (dates.tells_from or since):
            told = rfc3339(dates.tells_from or since)
            yield Mistake(("freeze",), f"begins before callers are told, which is {told}")
    if "accept" in own and accept is not None:
        if dates.sunset is None:
            yield Mistake(("accept",), "a gate without a sunset", "add the sunset that it is before")
        if accept.successor_errors is not None and lifecycle.successor is None:
            reason = "there is no successor to compare with"
            yield Mistake(("accept", "successor_errors"), reason, "add successor: VERSION")
    if "redirect" in own and lifecycle.redirect != "never" and lifecycle.successor is None:
        yield Mistake(("redirect",), "there is no successor to send callers on to", "add successor: VERSION")


def _out_of_range(lifecycle: models.Lifecycle) -> Iterator[Mistake]:
    for place, when in _moments(lifecycle):
        instant = instant_of(when, lifecycle.announced)
        if instant is not None and instant > LAST_MS:
            yield Mistake(place, "lies behind the year 9999")


def _order(dates: Lifecycle, own: frozenset[str] | set[str]) -> Iterator[Mistake]:
    given = [(name, at) for name in _ORDER if (at := getattr(dates, name)) is not None]
    for (earlier, first), (later, second) in pairwise(given):
        if second < first:
            blamed, other, at = (later, earlier, first) if later in own else (earlier, later, second)
            inherited = "" if other in own else " inherited from the version"
            relation = "before" if blamed == later else "after"
            yield Mistake((blamed,), f"{blamed} comes {relation} {other}{inherited} ({rfc3339(at)})")


def _grace(lifecycle: models.Lifecycle, dates: Lifecycle) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, item in enumerate(lifecycle.grace or ()):
        at = ("grace", index)
        if item.consumer in seen:
            yield Mistake((*at, "consumer"), f"{item.consumer} has grace twice")
        seen.add(item.consumer)
        if dates.sunset is None:
            yield Mistake(at, "grace without a sunset", "add the sunset that it is an exception from")
            continue
        until = instant_of(item.until, dates.announced)
        if until is None or until <= dates.sunset:
            yield Mistake((*at, "until"), f"grace ends before the sunset ({rfc3339(dates.sunset)})")
        elif dates.removed is not None and until > dates.removed:
            yield Mistake((*at, "until"), f"grace ends after the removal ({rfc3339(dates.removed)})")
