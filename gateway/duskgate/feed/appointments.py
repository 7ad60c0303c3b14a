"""The dates of what ends as appointments, each with a key that stays when its date moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from duskgate.feed.endings import Ending


class Appointment(NamedTuple):
    """One date (ms) of the calendar. ``name`` and ``kind`` say what it is; ``until`` is for those that last.

    ``kind`` is ``deprecated``, ``sunset``, ``removed`` or ``brownout``; ``number`` counts brownouts from 1.
    """

    key: str
    name: str
    kind: str
    number: int
    at: int
    until: int | None


def appointments(endings: Iterable[Ending]) -> list[tuple[Appointment, Ending]]:
    """Every appointment, with what ends. An endpoint's are those that differ from its version's."""
    found: dict[str, tuple[Appointment, Ending]] = {}
    for ending in endings:
        for one in _own(ending):
            whole = found.get(_key(ending.whole, one.kind, one.number))
            if whole is None or (whole[0].at, whole[0].until) != (one.at, one.until):
                found[one.key] = one, ending
    return list(found.values())


def _own(ending: Ending) -> Iterator[Appointment]:
    for kind in ("deprecated", "sunset", "removed"):
        at = getattr(ending, kind)
        if at is not None:
            yield Appointment(_key(ending.key, kind, 0), ending.name, kind, 0, at, None)
    for number, one in enumerate(ending.brownouts, 1):
        key = _key(ending.key, "brownout", number)
        yield Appointment(key, ending.name, "brownout", number, one.start, one.end)


def _key(ending: str, kind: str, number: int) -> str:
    return f"{kind}{f' {number}' if number else ''} of {ending}"
