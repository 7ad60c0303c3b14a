"""What operators can switch, checked against the plan: the same from the command line and the admin API."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from duskgate.control.entries import Entries
from duskgate.control.switches import (
    HOLDS,
    NO_BROWNOUTS,
    NOTIFIED,
    ROLLOUTS,
    hold_entry,
    stop_entry,
    target_of,
    text_of,
)
from duskgate.policy.guard import Action, Stop
from duskgate.policy.instants import rfc3339
from duskgate.policy.plan import WHOLE, Plan, Rule
from duskgate.policy.switches import Target
from duskgate.policy.timeline import rules


class NotSwitched(ValueError):
    """The operator asked for something that makes no sense; the message says why and what would."""


class Operations:
    """Changes the switches of one gateway. ``plan`` is the configuration's own, without switches.

    ``by`` is who asks, ``now`` when, in ms. Each raises NotSwitched, BrokenEntries where the file cannot be
    understood, or OSError where it cannot be written.
    """

    def __init__(self, plan: Plan, entries: Entries) -> None:
        self._plan = plan
        self._entries = entries

    def hold(self, target: str, until: int, reason: str, *, by: str, now: int) -> None:
        """Put a sunset off, or bring back what is switched off already, until an instant (ms)."""
        key = text_of(self._known(target, version=True))
        if until <= now:
            raise NotSwitched(f"{rfc3339(until)} has passed already")
        if not reason.strip():
            raise NotSwitched("a hold needs a reason")
        ends = [rule.lifecycle.sunset for rule in self._rules(target) if rule.lifecycle.sunset is not None]
        if not ends:
            raise NotSwitched(f"{key} has no sunset to hold")
        if until <= min(ends):
            raise NotSwitched(f"{key} has its sunset on {rfc3339(min(ends))}, after the end of the hold")
        self._entries.put(HOLDS, key, hold_entry(until, by, reason.strip()), by=by, at=now)

    def release(self, target: str, *, by: str, now: int) -> None:
        """Take a hold away: the dates of the configuration count again, at once."""
        if self._entries.put(HOLDS, self._key(target), None, by=by, at=now) is None:
            held = ", ".join(self._entries.read().get(HOLDS, {})) or "nothing"
            raise NotSwitched(f"{target} is not held; {held} is")

    def brownouts_off(self, target: str, reason: str, *, by: str, now: int) -> None:
        """Call off the brownouts of a target, the one that is on included."""
        key = text_of(self._known(target))
        entry = {"by": by, "reason": reason.strip(), "since": rfc3339(now)}
        self._entries.put(NO_BROWNOUTS, key, entry, by=by, at=now)

    def brownouts_on(self, target: str, *, by: str, now: int) -> None:
        """Let them take place again."""
        if self._entries.put(NO_BROWNOUTS, self._key(target), None, by=by, at=now) is None:
            off = ", ".join(self._entries.read().get(NO_BROWNOUTS, {})) or "none"
            raise NotSwitched(f"brownouts of {target} are not off; those of {off} are")

    def notified(self, target: str, consumer: str, *, by: str, now: int) -> None:
        """Put on record that a consumer has been told of a version's end."""
        known = self._known(target, version=True)
        if known.endpoint is not None:
            raise NotSwitched("consumers are told of whole versions: write API/VERSION")
        if consumer not in self._plan.identity.consumers:
            raise NotSwitched(_unknown("consumer", consumer, list(self._plan.identity.consumers)))
        entry = {"by": by, "at": rfc3339(now)}
        self._entries.put(NOTIFIED, f"{text_of(known)} {consumer}", entry, by=by, at=now)

    def halt(self, target: str, reason: str, *, by: str, now: int) -> None:
        """Move nobody any more who comes from a version, until it is resumed."""
        known = self._known(target, version=True)
        key, rollouts = text_of(known), self._rollouts()
        if key not in rollouts:
            raise NotSwitched(f"{key} has no rollout; {', '.join(rollouts) or 'no version'} has")
        if not reason.strip():
            raise NotSwitched("a halt needs a reason")
        stop = Stop(Action.ROLLBACK, now, by, reason.strip())
        self._entries.put(ROLLOUTS, key, stop_entry(stop), by=by, at=now)

    def resume(self, target: str, *, by: str, now: int) -> None:
        """Let a rollout go on that was stopped, by its guard or by an operator."""
        if self._entries.put(ROLLOUTS, self._key(target), None, by=by, at=now) is None:
            stopped = ", ".join(self._entries.read().get(ROLLOUTS, {})) or "none"
            raise NotSwitched(f"the rollout of {target} is not stopped; stopped are: {stopped}")

    def _rollouts(self) -> list[str]:
        """The targets of all rollouts: the versions that callers come from."""
        return [f"{api.name}/{version}" for api in self._plan.apis.values() for version in api.rollouts]

    def _key(self, target: str) -> str:
        try:
            return text_of(target_of(target))
        except ValueError as error:
            raise NotSwitched(str(error)) from None

    def _known(self, text: str, *, version: bool = False) -> Target:
        """A target that there is."""
        try:
            target = target_of(text)
        except ValueError as error:
            raise NotSwitched(str(error)) from None
        if version and target.version is None:
            raise NotSwitched(f"name a version: API/VERSION; {text!r} names none")
        if target.api is not None:
            _look("api", target.api, list(self._plan.apis))
            api = self._plan.apis[target.api]
            if target.version is not None:
                _look("version", target.version, list(api.versions))
            if target.endpoint is not None:
                values = api.endpoints.values() if api.endpoints is not None else ()
                _look(
                    "endpoint", target.endpoint, [one.endpoint for value in values for one in value.values()]
                )
        return target

    def _rules(self, text: str) -> Iterator[Rule]:
        target = target_of(text)
        for rule, _ in rules(self._plan):
            if target.covers(rule) and (target.endpoint is not None or rule.endpoint == WHOLE):
                yield rule


def _look(kind: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise NotSwitched(_unknown(kind, name, known))


def _unknown(kind: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = (
        f"; did you mean {near[0]!r}?"
        if near
        else f"; there are {', '.join(sorted(set(known)))}"
        if known
        else ""
    )
    return f"there is no {kind} {name!r}{hint}"
