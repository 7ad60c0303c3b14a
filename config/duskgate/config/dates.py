"""From the written dates to a compiled lifecycle: inheritance, relative dates, and their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from duskgate.config import models
from duskgate.config.scalars import LAST_MS, After, When
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Grace, Lifecycle, Window

_ORDER = ("announced", "deprecated", "sunset", "removed")


@dataclass(frozen=True)
class Mistake:
    """Something wrong inside a lifecycle: the key below it, and why."""

    path: tuple[str | int, ...]
    reason: str
    hint: str = ""


def merged(own: models.Lifecycle, inherited: models.Lifecycle | None) -> models.Lifecycle:
    """An endpoint's lifecycle on top of its version's: what it leaves out is inherited."""
    if inherited is None:
        return own
    given = {name: getattr(own, name) for name in own.model_fields_set}
    return inherited.model_copy(update=given)


def compiled(lifecycle: models.Lifecycle) -> Lifecycle:
    """The lifecycle with every date an instant. Call it once ``mistakes`` finds none."""
    start = lifecycle.announced
    sunset, removed = _instant(lifecycle.sunset, start), _instant(lifecycle.removed, start)
    rehearsals = [_window(item) for item in lifecycle.brownouts or () if sunset is not None]
    return Lifecycle(
        announced=start,
        deprecated=_instant(lifecycle.deprecated, start),
        sunset=sunset,
        removed=removed,
        guide=lifecycle.guide,
        successor=lifecycle.successor,
        successor_path=lifecycle.successor_path,
        brownouts=tuple(sorted(rehearsals, key=lambda window: window.start)),
        grace=MappingProxyType({one.consumer: one for one in _left(lifecycle, sunset, removed)}),
    )


def _left(lifecycle: models.Lifecycle, sunset: int | None, removed: int | None) -> Iterator[Grace]:
    """The grace between sunset and removal: where an endpoint inherits it, its own dates may leave less."""
    for item in lifecycle.grace or ():
        until = item.until if removed is None else min(item.until, removed)
        if sunset is not None and until > sunset:
            yield Grace(item.consumer, until, item.owner, item.reason)


def _instant(when: When | None, start: int | None) -> int | None:
    if isinstance(when, After):
        return None if start is None else start + when.length
    return when


def _window(item: models.BrownoutWindow) -> Window:
    return Window(item.start, item.start + item.length)


def mistakes(lifecycle: models.Lifecycle, own: frozenset[str] | set[str]) -> Iterator[Mistake]:
    """What is wrong with a lifecycle's dates. ``own`` names the keys that it does not inherit."""
    for name in _ORDER[1:]:
        if isinstance(getattr(lifecycle, name), After) and lifecycle.announced is None:
            yield Mistake(
                (name,), "counts from announced, which is not given", "add announced, or write a date"
            )
            return
    dates = compiled(lifecycle)
    yield from _out_of_range(dates)
    yield from _order(dates, own)
    if dates.removed is not None and dates.sunset is None:
        if "removed" in own:
            yield Mistake(("removed",), "is given without a sunset", "add the sunset that comes before it")
        else:
            yield Mistake(("sunset",), "is gone, but its removal is inherited", "add removed: null")
    if "grace" in own:
        yield from _grace(lifecycle, dates)
    if "brownouts" in own:
        yield from _brownouts(lifecycle, dates)


def _out_of_range(dates: Lifecycle) -> Iterator[Mistake]:
    for name in _ORDER[1:]:
        instant = getattr(dates, name)
        if instant is not None and instant > LAST_MS:
            yield Mistake((name,), "lies behind the year 9999")


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
        elif item.until <= dates.sunset:
            yield Mistake((*at, "until"), f"grace ends before the sunset ({rfc3339(dates.sunset)})")
        elif dates.removed is not None and item.until > dates.removed:
            yield Mistake((*at, "until"), f"grace ends after the removal ({rfc3339(dates.removed)})")


def _brownouts(lifecycle: models.Lifecycle, dates: Lifecycle) -> Iterator[Mistake]:
    windows = [(_window(item), index) for index, item in enumerate(lifecycle.brownouts or ())]
    begins = dates.announced if dates.announced is not None else dates.deprecated
    for window, index in windows:
        at = ("brownouts", index)
        if dates.sunset is None:
            yield Mistake(at, "a brownout without a sunset to rehearse", "add the sunset")
        elif window.end > dates.sunset:
            yield Mistake(at, f"the brownout ends after the sunset ({rfc3339(dates.sunset)})")
        elif begins is not None and window.start < begins:
            yield Mistake(at, f"the brownout starts before callers are told ({rfc3339(begins)})")
        if window.end == window.start:
            yield Mistake((*at, "for"), "the brownout has no length")
    ordered = sorted(windows, key=lambda item: item[0].start)
    for (first, _), (second, index) in pairwise(ordered):
        if second.start < first.end:
            yield Mistake(("brownouts", index), f"overlaps the brownout that starts {rfc3339(first.start)}")
