"""Two lifecycles beside each other: which dates moved, and whether callers lose time by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, assert_never

from duskgate.policy.accept import (
    Accept,
    Condition,
    ContactsNotified,
    CriticalUnseen,
    OldShare,
    SuccessorErrors,
    Unmet,
)
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Grace, Lifecycle
from duskgate.usage.reports.period import DAY


class Said(NamedTuple):
    """One difference in words; ``None``: nothing was, or is, there. ``shortened``: how callers lose time."""

    what: str
    before: str | None
    after: str | None
    shortened: str | None = None


def in_days(length: int) -> str:
    """A length in ms, in days for people."""
    days = f"{length / DAY:.1f}".removesuffix(".0")
    return f"{days} day{'' if days == '1' else 's'}"


def changes(old: Lifecycle, new: Lifecycle, now: int) -> Iterator[Said]:
    """What differs between two lifecycles of the same thing. ``now`` in ms."""
    for name in ("announced", "deprecated"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Said(name, _date(before), _date(after), _told_later(name, old, new))
    for name in ("sunset", "removed"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Said(name, _date(before), _date(after), _sooner(before, after, now))
    yield from _graces(old, new)
    if old.brownouts != new.brownouts:
        was, becomes = _brownouts(old), _brownouts(new)
        other = ", with other shares, exemptions or answers" if was == becomes else ""
        yield Said("brownouts", was, f"{becomes}{other}" if becomes else None)
    if _freeze(old) != _freeze(new):
        yield Said("freeze", _freeze(old), _freeze(new))
    if old.accept != new.accept:
        yield Said("gate", _gate(old.accept), _gate(new.accept))


def shorter_than(minimum: int, dates: Lifecycle, since: int | None) -> str | None:
    """How a lifecycle's notice falls short of a minimum (ms), if it does.

    ``since``: callers cannot have known of this sunset before (ms), whatever dates the YAML has.
    """
    begins = dates.tells_from
    if minimum == 0 or dates.sunset is None:
        return None
    begins = since if begins is None else max(begins, since) if since is not None else begins
    if begins is None:
        return f"how much notice it gives cannot be told; the minimum is {in_days(minimum)}"
    given = dates.sunset - begins
    if given >= minimum:
        return None
    return f"gives {in_days(max(given, 0))} of notice; the minimum is {in_days(minimum)}"


def _date(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _sooner(before: int | None, after: int | None, now: int) -> str | None:
    if after is None:
        return None
    if before is None:
        return "takes effect at once" if after <= now else None
    return f"{in_days(before - after)} earlier" if after < before else None


def _told_later(name: str, old: Lifecycle, new: Lifecycle) -> str | None:
    """A later beginning is a loss where the end does not move with it."""
    before, after = getattr(old, name), getattr(new, name)
    if before is None or old.sunset is None or new.sunset is None:
        return None
    if after is None:
        return f"callers lose the notice from {rfc3339(before)} on"
    lost = (old.sunset - before) - (new.sunset - after)
    return f"{in_days(lost)} less until the sunset" if after > before and lost > 0 else None


def _graces(old: Lifecycle, new: Lifecycle) -> Iterator[Said]:
    for name in sorted({*old.grace, *new.grace}):
        before, after = _until(old.grace, name), _until(new.grace, name)
        if before == after:
            continue
        ended, ends = before or old.sunset, after or new.sunset
        lost = ended - ends if ended is not None and ends is not None else 0
        shortened = f"ends {in_days(lost)} earlier for {name}" if lost > 0 else None
        yield Said(f"grace of {name}", _date(before), _date(after), shortened)


def _until(graces: Mapping[str, Grace], name: str) -> int | None:
    return graces[name].until if name in graces else None


def _brownouts(dates: Lifecycle) -> str | None:
    windows = dates.brownouts
    if not windows:
        return None
    hours = sum(one.end - one.start for one in windows) / 3_600_000
    return f"{len(windows)} of {hours:g} h from {rfc3339(windows[0].start)} to {rfc3339(windows[-1].end)}"


def _freeze(dates: Lifecycle) -> str | None:
    if dates.freeze is None:
        return None
    mode = "refused" if dates.freeze.enforced else "counted"
    return f"newcomers {mode} from {rfc3339(dates.freeze.since)}"


def _gate(accept: Accept | None) -> str | None:
    if accept is None:
        return None
    conditions = ", ".join(map(_condition, accept.conditions))
    bound = f"hold for {in_days(accept.hold_at_most)} at most" if accept.unmet is Unmet.HOLD else "warn"
    return f"{conditions}; else {bound}; unknown: {accept.on_unknown.value}"


def _condition(condition: Condition) -> str:
    over = f"over {in_days(condition.over)}"
    match condition:
        case OldShare(below=below):
            return f"old_share below {below:.2%} {over}"
        case CriticalUnseen():
            return f"critical_unseen {over}"
        case SuccessorErrors(tolerance=tolerance):
            return f"successor_errors with {tolerance:.2%} more {over}"
        case ContactsNotified():
            return f"contacts_notified {over}"
        case _:
            assert_never(condition)
