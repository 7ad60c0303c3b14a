"""What the feed remembers of what it said before: so that a date that moved is seen to have moved.

Pure: ``advanced`` is the same for the one process that keeps the memory and for the workers, which may have a
newer plan than the memory knows. They foresee what will be kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from duskgate.feed.appointments import Appointment, appointments
from duskgate.feed.endings import Ending
from duskgate.policy.instants import instant_of_text, rfc3339

DATES, ENDINGS, FEED = "dates", "endings", "feed"
"""The sections of the file."""

KEPT = 90 * 86_400_000
"""Ms for which an appointment that was withdrawn is shown as cancelled."""


class Kept(NamedTuple):
    """What is known of one appointment: ``sequence`` counts its moves, ``modified`` is when it last did (ms).

    ``modified`` is ``None`` where nothing is remembered. ``cancelled`` is when it was withdrawn.
    """

    name: str
    kind: str
    number: int
    at: int
    until: int | None
    sequence: int = 0
    modified: int | None = None
    cancelled: int | None = None


class Seen(NamedTuple):
    """What is known of one ending: a digest of what was said of it, and when that changed last (ms)."""

    digest: str
    modified: int


class Memory(NamedTuple):
    """Everything by its key. ``changed`` is when anything did."""

    dates: Mapping[str, Kept]
    endings: Mapping[str, Seen]
    changed: int | None


EMPTY = Memory({}, {}, None)


def forgetful(endings: Iterable[Ending]) -> Memory:
    """What can be said without a memory: no date has moved, nobody knows when anything changed."""
    dates = {one.key: Kept(*one[1:]) for one, _ in appointments(endings)}
    return Memory(dates, {}, None)


def advanced(memory: Memory, endings: Iterable[Ending], now: int) -> Memory:
    """The memory after it has seen what ends at an instant (ms); the same one if nothing changed."""
    known = list(endings)
    dates = {one.key: _kept(memory.dates.get(one.key), one, now) for one, _ in appointments(known)}
    for key, kept in memory.dates.items():
        withdrawn = _withdrawn(kept, now) if key not in dates else None
        if withdrawn is not None:
            dates[key] = withdrawn
    seen = {one.key: _seen(memory.endings.get(one.key), one, now) for one in known}
    if dates == memory.dates and seen == memory.endings:
        return memory
    return Memory(dates, seen, now)


def _kept(before: Kept | None, one: Appointment, now: int) -> Kept:
    if before is None:
        return Kept(*one[1:], sequence=0, modified=now)
    if (before.at, before.until) == (one.at, one.until) and before.cancelled is None:
        return before
    return Kept(*one[1:], sequence=before.sequence + 1, modified=now)


def _withdrawn(kept: Kept, now: int) -> Kept | None:
    """What becomes of an appointment that is not there any more. One that has taken place just leaves."""
    if kept.cancelled is not None:
        return kept if now < kept.cancelled + KEPT else None
    if kept.at <= now:
        return None
    return kept._replace(sequence=kept.sequence + 1, modified=now, cancelled=now)


def _seen(before: Seen | None, ending: Ending, now: int) -> Seen:
    digest = digest_of(ending)
    return before if before is not None and before.digest == digest else Seen(digest, now)


def digest_of(ending: Ending) -> str:
    """A digest of what is said of an ending, but for its phase, which changes by itself."""
    facts = (
        ending.url,
        *(ending.announced, ending.deprecated, ending.sunset, ending.enforced, ending.removed),
        *(ending.guide, ending.contact),
        ending.successor and tuple(ending.successor),
        tuple(map(tuple, ending.brownouts)),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def updated(memory: Memory, ending: Ending, now: int) -> int:
    """When what is said of an ending changed last, a new phase included; 0 if nobody knows."""
    begins = ending.announced if ending.announced is not None else ending.deprecated
    takes_effect = ending.sunset if ending.enforced is None else ending.enforced
    dates = (begins, ending.deprecated, takes_effect, ending.removed)
    seen = memory.endings.get(ending.key)
    past = [at for at in dates if at is not None and at <= now]
    return max([*past, *([seen.modified] if seen is not None else [])], default=0)


def next_change(memory: Memory, now: int) -> int | None:
    """When the memory lets go of something next (ms)."""
    ends = [kept.cancelled + KEPT for kept in memory.dates.values() if kept.cancelled is not None]
    return min((end for end in ends if end > now), default=None)


def entries_of(memory: Memory) -> dict[tuple[str, str], Any]:
    """The memory as entries of its file, by section and key."""
    entries: dict[tuple[str, str], Any] = {(DATES, key): _date(one) for key, one in memory.dates.items()}
    for key, seen in memory.endings.items():
        entries[ENDINGS, key] = {"digest": seen.digest, "modified": rfc3339(seen.modified)}
    if memory.changed is not None:
        entries[FEED, "changed"] = rfc3339(memory.changed)
    return entries


def _date(kept: Kept) -> dict[str, Any]:
    times = {
        name: rfc3339(instant)
        for name in ("at", "until", "modified", "cancelled")
        if (instant := getattr(kept, name)) is not None
    }
    return {"name": kept.name, "kind": kept.kind, "number": kept.number, "sequence": kept.sequence, **times}


def memory_of(sections: Mapping[str, Mapping[str, Any]]) -> Memory:
    """The other way round. Raises ValueError, KeyError or TypeError for sections that are no memory."""
    changed = sections.get(FEED, {}).get("changed")
    return Memory(
        {key: _kept_of(entry) for key, entry in sections.get(DATES, {}).items()},
        {
            key: Seen(str(entry["digest"]), instant_of_text(entry["modified"]))
            for key, entry in sections.get(ENDINGS, {}).items()
        },
        None if changed is None else instant_of_text(changed),
    )


def _kept_of(entry: Mapping[str, Any]) -> Kept:
    def instant(name: str) -> int | None:
        return instant_of_text(entry[name]) if name in entry else None

    return Kept(
        str(entry["name"]),
        str(entry["kind"]),
        int(entry["number"]),
        instant_of_text(entry["at"]),
        instant("until"),
        int(entry["sequence"]),
        instant("modified"),
        instant("cancelled"),
    )
