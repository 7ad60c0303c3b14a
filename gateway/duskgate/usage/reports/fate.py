"""What would become of requests that the ledger counted, were they sent again at another moment.

The ledger knows where a request landed and who sent it. That is enough for what a lifecycle bars, but for
some things: which of several endpoints at one path it was, that differ in their methods; who is behind
``other``; and whether it named its version. Where the answer hangs on one of them, it is not guessed.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from duskgate.policy.decide import sent_on
from duskgate.policy.lifecycle import Lifecycle, Phase
from duskgate.policy.plan import Plan, Rule
from duskgate.policy.request import ANONYMOUS
from duskgate.policy.shares import BUCKETS
from duskgate.policy.standing import Bar, Standing, standing_of
from duskgate.usage.reports.moving import rescuing
from duskgate.usage.reports.places import Place, rules_by_place

METHODS = ("GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE")
"""What may come where a rule names no methods."""

UNNAMED = "~"
"""What the label of a caller begins with whom the YAML does not name."""


class Outcome(str, Enum):
    """What becomes of a request."""

    FORWARDED = "forwarded"
    REFUSED = "refused"
    UNDECIDED = "undecided"

    __str__ = str.__str__


class Fate(NamedTuple):
    """What would become of requests of one caller at one place.

    Refused: the ``bars`` and ``statuses`` that may apply, one each but where methods differ; ``until`` is the
    end (ms) of the brownout that does it. Undecided: ``why``.
    """

    outcome: Outcome
    bars: tuple[Bar, ...] = ()
    statuses: tuple[int, ...] = ()
    until: int | None = None
    why: str = ""


FORWARDED = Fate(Outcome.FORWARDED)


class Fates:
    """Answers for one plan, with its switches and with the callers seen before its freezes put on it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rules = rules_by_place(plan)
        self._named = {f"{UNNAMED}{mark.hex()}": name for (_, mark), name in plan.identity.known.items()}

    def name(self, label: str) -> str:
        """Who is behind a label: one that was a digest when it was counted may have a name by now."""
        return self._named.get(label, label)

    def fate(self, place: Place, label: str, at: int) -> Fate:
        """What becomes of requests of a caller that landed at a place, at an instant (ms)."""
        name = self.name(label)
        found = self._staying(place, name, at)
        if found.outcome is not Outcome.REFUSED:
            return found

        def refused(version: str) -> bool:
            return self._staying(place._replace(version=version), name, at).outcome is Outcome.REFUSED

        api, consumer = self._plan.apis[place.api], name if name in self._plan.identity.consumers else None
        for rollout, sure in rescuing(api, place.version, consumer, name, at, refused):
            there = place._replace(version=rollout.to)
            if sure and self._as_it_is(place) and self._staying(there, name, at) == FORWARDED:
                return FORWARDED
            return Fate(Outcome.UNDECIDED, why=f"hangs on whom the rollout to {rollout.to} moves then")
        return found

    def _as_it_is(self, place: Place) -> bool:
        """Whether requests keep path and method where they are moved on."""
        return not any(rule.elsewhere or rule.lifecycle.method for rule in self._rules[place])

    def _staying(self, place: Place, name: str, at: int) -> Fate:
        """The same if no rollout moves them."""
        rules = self._rules.get(place)
        if rules is None:
            return Fate(Outcome.UNDECIDED, why=self._missing(place))
        found = {self._under(rule, name, at): None for rule in rules}
        if len(found) == 1:
            return next(iter(found))
        if any(one.outcome is not Outcome.REFUSED for one in found):
            return Fate(Outcome.UNDECIDED, why="hangs on the method, which the ledger does not have")
        bars = sorted({bar for one in found for bar in one.bars}, key=list(Bar).index)
        statuses = sorted({status for one in found for status in one.statuses})
        return Fate(Outcome.REFUSED, tuple(bars), tuple(statuses))

    def _under(self, rule: Rule, name: str, at: int) -> Fate:
        if not rule.ends:
            return FORWARDED
        if name in self._plan.identity.consumers:
            return _barred(rule, standing_of(rule.lifecycle, name, name, at))
        if name == ANONYMOUS or name.startswith(UNNAMED):
            return _barred(rule, standing_of(rule.lifecycle, None, name, at))
        return _several(rule, at)

    def _missing(self, place: Place) -> str:
        api = self._plan.apis.get(place.api)
        if api is None:
            return "there is no such api any more"
        if place.version not in api.rules:
            return "there is no such version any more: who names it gets 400 or 404"
        return "there is no such endpoint any more, and which rule has its place is not known"


def _barred(rule: Rule, stands: Standing) -> Fate:
    if stands.bar is None:
        return FORWARDED
    if stands.window is not None:
        return Fate(Outcome.REFUSED, (stands.bar,), (stands.window.status,), stands.window.end)
    return Fate(Outcome.REFUSED, (stands.bar,), _statuses(rule, stands.bar))


def _statuses(rule: Rule, bar: Bar) -> tuple[int, ...]:
    if bar is Bar.REMOVED:
        return (404,)
    if bar is Bar.FROZEN:
        return (403,)
    if rule.successor is None:
        return (410,)
    sent = {sent_on(rule.lifecycle, method) for method in rule.methods or METHODS}
    return tuple(308 if one else 410 for one in sorted(sent, reverse=True))


def _several(rule: Rule, at: int) -> Fate:
    """The same for callers without a name of whom the ledger only knows that there were some."""
    dates = rule.lifecycle
    phase = dates.phase(at)
    if phase in (Phase.SUNSET, Phase.REMOVED):
        return _barred(rule, Standing(phase, Bar(phase.value)))
    if _frozen(dates, at):
        return Fate(Outcome.UNDECIDED, why="some of them may have been seen before the freeze")
    window = dates.brownout(at)
    part = 0 if window is None else BUCKETS if window.share is None else window.share.part(at)
    if window is None or part == 0:
        return FORWARDED
    if part < BUCKETS:
        return Fate(Outcome.UNDECIDED, why=f"the brownout hits {part / 100:g} % of the callers")
    return _barred(rule, Standing(phase, Bar.BROWNOUT, None, window))


def _frozen(dates: Lifecycle, at: int) -> bool:
    freeze = dates.freeze
    return freeze is not None and freeze.enforced and freeze.seen is not None and at >= freeze.since
