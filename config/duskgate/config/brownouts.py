"""From the written brownouts to windows: series, ladders, and the shares of consumers they hit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from xxhash import xxh64_intdigest

from duskgate.config import models
from duskgate.config.mistake import Mistake
from duskgate.config.scalars import When, instant_of
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle, Window
from duskgate.policy.shares import Share, buckets


def windows(item: models.Brownouts, announced: int | None, seed: int) -> list[Window]:
    """The windows of one entry, earliest first; up to one that the next would begin in, if there is such."""
    start = instant_of(item.start, announced)
    if start is None:
        return []
    share = _share(item, start, seed)
    exempt = frozenset(item.exempt)
    return [
        Window(at, at + length, share, exempt, item.status) for at, length in _spans(item, start, announced)
    ]


def _spans(item: models.Brownouts, start: int, announced: int | None) -> Iterator[tuple[int, int]]:
    for number, length in enumerate(_lengths(item, start, announced)):
        yield start + number * (item.every or 0), length
        if item.every is not None and length > item.every:
            return


def _lengths(item: models.Brownouts, start: int, announced: int | None) -> Iterator[int]:
    if item.ladder is not None:
        yield from item.ladder
    elif item.length is not None:
        yield from (item.length * item.growth**number for number in range(item.times))
    else:
        end = instant_of(item.until, announced)
        yield 0 if end is None else end - start


def _share(item: models.Brownouts, start: int, seed: int) -> Share | None:
    if item.ramp is not None:
        since = tuple(start + step.after for step in item.ramp)
        return Share(seed, since, tuple(buckets(step.percent) for step in item.ramp), xxh64_intdigest)
    if item.percent < 100:
        return Share(seed, (start,), (buckets(item.percent),), xxh64_intdigest)
    return None


def mistakes(lifecycle: models.Lifecycle, dates: Lifecycle) -> Iterator[Mistake]:
    """What is wrong with the brownouts of a lifecycle."""
    begins = dates.tells_from
    found: list[tuple[Window, int]] = []
    for index, item in enumerate(lifecycle.brownouts or ()):
        yield from _shape(item, ("brownouts", index))
        own = windows(item, dates.announced, 0)
        if own and len(own) < max(item.times, len(item.ladder or ())):
            reason = f"is shorter than the brownout that starts {rfc3339(own[-1].start)}"
            yield Mistake(("brownouts", index, "every"), reason, "let them lie further apart")
        found += [(window, index) for window in own]
        if own:
            yield from _place(own, dates, begins, ("brownouts", index))
    for (first, _), (second, index) in pairwise(sorted(found, key=lambda pair: pair[0].start)):
        if second.start < first.end:
            yield Mistake(("brownouts", index), f"overlaps the brownout that starts {rfc3339(first.start)}")


def _place(
    own: list[Window], dates: Lifecycle, begins: int | None, at: tuple[str | int, ...]
) -> Iterator[Mistake]:
    end = max(window.end for window in own)
    if own[0].end == own[0].start:
        yield Mistake((*at, "for"), "the brownout has no length")
    elif own[0].end < own[0].start:
        yield Mistake((*at, "until"), "the brownout ends before it begins")
    if dates.sunset is None:
        yield Mistake(at, "a brownout without a sunset to rehearse", "add the sunset")
    elif end > dates.sunset:
        yield Mistake(at, f"the brownout ends after the sunset ({rfc3339(dates.sunset)})")
    elif begins is not None and own[0].start < begins:
        yield Mistake(at, f"the brownout starts before callers are told ({rfc3339(begins)})")


def _shape(item: models.Brownouts, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    for index, (earlier, later) in enumerate(pairwise(item.ramp or ())):
        if later.after <= earlier.after:
            yield Mistake((*at, "ramp", index + 1, "after"), "does not come after the step before it")
        if later.percent < earlier.percent:
            reason = "is less than before: a ramp lets nobody out who was in"
            yield Mistake((*at, "ramp", index + 1, "percent"), reason)


def moments(lifecycle: models.Lifecycle) -> Iterator[tuple[tuple[str | int, ...], When]]:
    """Each place of the brownouts that holds a moment."""
    for index, item in enumerate(lifecycle.brownouts or ()):
        yield ("brownouts", index, "from"), item.start
        if item.until is not None:
            yield ("brownouts", index, "until"), item.until
