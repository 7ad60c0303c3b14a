"""Telling the workers who was seen before each freeze, and so who is a newcomer."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import NamedTuple, Protocol

from duskgate.control.seen import Seen, SeenFile
from duskgate.policy.plan import Plan
from duskgate.policy.switches import FreezeOf
from duskgate.policy.timeline import freezes

SETTLE = 2_000
"""Ms after a freeze begins until who was seen before it is looked up: the last of them must be on record."""

SETTLED = 300_000
AGAIN = 3_600_000
"""Ms after it until everybody should be on record, and between two looks from then on: a ledger that could
not be written for a while tells of some later."""

MOST = 100_000
"""Callers that are passed on. More would be too much for the memory of every worker."""


class Past(Protocol):
    """Who called a version before an instant (ms), ``most`` of them; ``None`` if that is not known."""

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None: ...


class _Look(NamedTuple):
    at: int
    found: Set[str]


class Newcomers:
    """Looks them up in the past, and passes on what it found through a file."""

    def __init__(self, path: Path, past: Past) -> None:
        self._file = SeenFile(path)
        self._past = past
        self._looks: dict[FreezeOf, _Look] = {}
        self._passed: Seen = {}

    def round(
        self, plan: Plan, now: int, complain: Callable[[str, str | None], None], *, ahead: bool = False
    ) -> None:
        """Look once. ``complain`` hears of each version whose freeze keeps nobody off, and why: ``None``
        where the past is not known. ``ahead``: also for freezes that are to come, which are rehearsed by who
        was seen until now."""
        looks: dict[FreezeOf, _Look] = {}
        begun = freezes(plan, now - SETTLE)
        for place in sorted(freezes(plan) if ahead else begun):
            look = self._look(place, now)
            if look is None and place not in begun:
                continue
            if look is None:
                complain(f"{place[0]}/{place[1]}", None)
            elif len(look.found) > MOST:
                complain(f"{place[0]}/{place[1]}", f"more than {MOST} callers were seen before")
            else:
                looks[place] = look
        self._looks = looks
        seen = {place: look.found for place, look in looks.items()}
        if seen != self._passed:
            self._file.write(seen)
            self._passed = seen

    def _look(self, place: FreezeOf, now: int) -> _Look | None:
        """Who was there before a freeze; looked up anew while it may still change.

        What was found before stays where the past cannot be read any more.
        """
        known, (api, version, since) = self._looks.get(place), place
        settled = known is not None and (known.at >= since + SETTLED or now < since + SETTLE)
        if known is not None and settled and now - known.at < AGAIN:
            return known
        found = self._past.seen_before(api, version, min(since, now), MOST + 1)
        return known if found is None else _Look(now, found)
