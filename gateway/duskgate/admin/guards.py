"""Looking after guarded rollouts: what was counted is judged, and a version that does worse is stopped.

It runs in the admin process, once for all workers and with the counts of them all. What a guard does is a
switch like any other: written to ``switches.json``, which every worker follows, and on record.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from duskgate.admin.counted import Counted
from duskgate.admin.following import Following
from duskgate.control.entries import BrokenEntries
from duskgate.control.switches import BY_GUARD, ROLLOUTS, entries_in, stop_entry
from duskgate.middleware.clock import Clock, system_clock
from duskgate.policy.guard import Action, Guard, Stop
from duskgate.policy.plan import Plan
from duskgate.policy.rollout import Rollout
from duskgate.usage.guard import NOT_JUDGED, Judged, judge, obstacle
from duskgate.usage.window import Counts, Sides, Window, part_of

logger = logging.getLogger("duskgate")

LONGEST_PACE = 5.0
"""Seconds between two rounds at the most."""


def steady_clock() -> int:
    """Ms of a clock that is never set; only differences mean anything."""
    return time.monotonic_ns() // 1_000_000


Place = tuple[str, str]
"""An api, and the version of it that callers come from."""


class Standing(NamedTuple):
    """A guarded rollout as it stands: where it goes, and how it was judged last."""

    api: str
    version: str
    to: str
    guard: Guard
    judged: Judged


class _Watched:
    """One guarded rollout, from when it was first seen or last resumed."""

    def __init__(self, guard: Guard, to: str) -> None:
        self.guard = guard
        self.to = to
        self.window = Window(guard.window)
        self.judged = NOT_JUDGED
        self.stopped = False
        self.mute = False


class Guards:
    """Looks after the plan of ``following``. ``standing`` are its guarded rollouts, as of the last round.

    ``clock`` is the gateway's time of day, ``steady`` what windows are measured by.
    """

    def __init__(
        self,
        following: Following,
        counted: Counted,
        clock: Clock = system_clock,
        steady: Clock = steady_clock,
    ) -> None:
        self.counted = counted
        self.standing: list[Standing] = []
        self._following = following
        self._clock = clock
        self._steady = steady
        self._watched: dict[Place, _Watched] = {}

    async def run(self) -> None:
        """One round after the other, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.round)
            except Exception:  # a round that fails must not be the last one
                logger.exception("a round of the guards failed")
            await asyncio.sleep(self._pace())

    def _pace(self) -> float:
        """Seconds until the next round: often enough for the shortest window."""
        parts = [part_of(one.guard.window) / 1000 for one in self._watched.values()]
        return min(parts, default=LONGEST_PACE)

    def round(self) -> None:
        """Look at every guarded rollout that it is time for."""
        self._following.refresh()
        plan = self._following.plan
        self._watched = self._found(plan)
        now = self._steady()
        due = {place: one for place, one in self._watched.items() if one.window.due(now)}
        if due:
            counted = self.counted.guarded()
            for place, one in due.items():
                self._look(plan, place, one, counted, now)
        self.standing = [
            Standing(*place, one.to, one.guard, one.judged) for place, one in self._watched.items()
        ]

    def _found(self, plan: Plan) -> dict[Place, _Watched]:
        """What is to be watched by now. A rollout that changed, or was resumed, is judged anew."""
        found: dict[Place, _Watched] = {}
        for place, rollout, guard in guarded(plan):
            one = self._watched.get(place)
            resumed = one is not None and one.stopped and rollout.stop is None
            if one is None or resumed or (one.guard, one.to) != (guard, rollout.to):
                one = _Watched(guard, rollout.to)
                self._say_if_powerless(place)
            one.stopped = rollout.stop is not None
            found[place] = one
        return found

    def _say_if_powerless(self, place: Place) -> None:
        state = self._following.loaded.state
        if state.exists() and not os.access(state, os.W_OK):
            key = "/".join(place)
            logger.warning("the guard of %s can do nothing: server.state, %s, cannot be written", key, state)

    def _look(
        self, plan: Plan, place: Place, one: _Watched, counted: Mapping[Place, Counts], now: int
    ) -> None:
        api, version = place
        none = Counts()
        one.window.add(now, Sides(counted.get((api, one.to), none), counted.get(place, none)))
        whole, latest = one.window.whole(), one.window.latest()
        if whole is None or latest is None:
            return
        one.judged = judge(one.guard, (one.to, version), whole, latest, one.judged.in_a_row)
        if one.judged.trips:
            self._trip(plan, place, one, whole.old)

    def _trip(self, plan: Plan, place: Place, one: _Watched, old: Counts) -> None:
        """Do what the guard is for. One that may not roll back alerts, and tries again while it trips."""
        api, version = place
        stop, now = plan.apis[api].rollouts[version].stop, self._clock()
        if stop is not None and (stop.action is not Action.ALERT or one.guard.action is Action.ALERT):
            return
        action, why = one.guard.action, "; ".join(one.judged.reasons)
        if action is Action.ROLLBACK:
            rule = plan.apis[api].rules[version]
            hindered = obstacle(rule, self.counted.down(plan.backends.get(rule.backend)), old, now)
            if hindered is not None and stop is not None:
                return
            if hindered is not None:
                action, why = Action.ALERT, f"not rolled back, since {hindered}; {why}"
        self._stop(place, one, Stop(action, now, BY_GUARD, why))

    def _stop(self, place: Place, one: _Watched, stop: Stop) -> None:
        key = "/".join(place)
        entries = entries_in(self._following.loaded.state)
        try:
            entries.put(ROLLOUTS, key, stop_entry(stop), by=BY_GUARD, at=stop.since)
        except (OSError, BrokenEntries) as error:
            if not one.mute:
                logger.error("guard of %s tripped and nothing was done: %s (%s)", key, error, stop.reason)
            one.mute = True
            return
        one.mute = False
        logger.error(
            "guard of %s tripped: %s (%s); `duskgate switch resume %s` when it is well",
            key,
            _DONE[stop.action].format(version=place[1], to=one.to),
            stop.reason,
            key,
        )


_DONE = {
    Action.ROLLBACK: "callers are back on {version}",
    Action.PAUSE: "no more callers are moved to {to}",
    Action.ALERT: "callers are moved to {to} all the same",
}


def guarded(plan: Plan) -> Iterator[tuple[Place, Rollout, Guard]]:
    """Every rollout with a guard, by where callers come from."""
    for api in plan.apis.values():
        for version, rollout in api.rollouts.items():
            if rollout.guard is not None:
                yield (api.name, version), rollout, rollout.guard
