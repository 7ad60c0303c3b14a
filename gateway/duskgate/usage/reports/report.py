"""Who still calls what ends, whether that is getting less, and whether it is safe to switch off."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from duskgate.policy.accept import Verdict
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle, Phase
from duskgate.policy.plan import WHOLE, Plan, Rule
from duskgate.policy.switches import gate_of
from duskgate.policy.timeline import rules
from duskgate.usage.gates import Facts, judge
from duskgate.usage.ledger.answers import DayCount, Use
from duskgate.usage.reports.fate import Fates
from duskgate.usage.reports.line import Left, Line, Readiness, Reasons
from duskgate.usage.reports.period import DAY, Period
from duskgate.usage.reports.places import Place, place_of
from duskgate.usage.reports.rehearsal import Calls, merged
from duskgate.usage.reports.trend import Trend, days_to_zero, mean

FEW = 3
"""How many consumers a reason names."""


class Told(Protocol):
    """The consumers on record as told of a version's end."""

    def __call__(self, api: str, version: str, /) -> Collection[str]: ...


@dataclass(frozen=True)
class Past:
    """What a report is made of: uses since the period began, days since the one before it, and when the
    ledger begins (ms)."""

    uses: tuple[Use, ...]
    days: tuple[DayCount, ...]
    begins: int | None
    facts: Facts


def report(plan: Plan, past: Past, told: Told, period: Period) -> list[Line]:
    """A line for each version that ends, and for each endpoint whose lifecycle is not its version's."""
    reporter = _Reporter(plan, past, told, period)
    found = [
        reporter.line(rule, whole)
        for rule, whole in rules(plan)
        if rule is whole or rule.lifecycle != whole.lifecycle
    ]
    apis = {api: place for place, api in enumerate(plan.apis)}
    return sorted(found, key=lambda line: (apis[line.rule.api], *_order(plan, line.rule)))


def _order(plan: Plan, rule: Rule) -> tuple[int, bool, str, tuple[str, ...]]:
    versions = plan.apis[rule.api].versions
    return versions.index(rule.version), rule.endpoint != WHOLE, rule.endpoint, rule.methods


class _Reporter:
    """Makes lines. What the ledger counted is put by place once: a version has all, an endpoint its own."""

    def __init__(self, plan: Plan, past: Past, told: Told, period: Period) -> None:
        self._plan = plan
        self._past = past
        self._told = told
        self._period = period
        self._fates = Fates(plan)
        self._uses: dict[Place, list[Use]] = defaultdict(list)
        self._days: dict[Place, Counter[int]] = defaultdict(Counter)
        for use in past.uses:
            for place in _places(use):
                self._uses[place].append(use)
        for day in past.days:
            for place in _places(day):
                self._days[place][day.start] += day.count

    def line(self, rule: Rule, whole: Rule) -> Line:
        period, begins = self._period, self._past.begins
        left = tuple(self._left(rule))
        counts = self._days[place_of(rule)]
        days = [counts[day] for day in period.whole_days(period.since, period.today, begins)]
        before = [counts[day] for day in period.whole_days(period.before, period.since, begins)]
        ahead = days_to_zero(days)
        readiness, reasons = self._readiness(rule, whole, left)
        return Line(
            rule=rule,
            phase=rule.lifecycle.phase(period.now),
            left=left,
            trend=Trend(mean(days), mean(before) if len(before) == period.days else None),
            zero=None if ahead is None else period.today + round(ahead * DAY),
            successor_share=self._successor_share(rule),
            readiness=readiness,
            reasons=reasons,
        )

    def _left(self, rule: Rule) -> list[Left]:
        """Whoever called, critical consumers first, then by how much."""
        informed = self._told(rule.api, rule.version)
        parts: dict[str, list[Calls]] = defaultdict(list)
        for one in merged(self._plan, self._fates, self._uses[place_of(rule)]):
            parts[one.consumer].append(one)
        left = [
            Left(
                name,
                known=name in self._plan.identity.consumers,
                critical=calls[0].critical,
                contact=calls[0].contact,
                told=name in informed,
                calls=sum(one.count for one in calls),
                refused=sum(one.refused for one in calls),
                last_seen=max(one.last_seen for one in calls),
            )
            for name, calls in parts.items()
        ]
        return sorted(left, key=lambda one: (not one.critical, -one.calls, one.name))

    def _successor_share(self, rule: Rule) -> float | None:
        dates = rule.lifecycle
        if dates.successor is None or (rule.endpoint != WHOLE and dates.successor_path is not None):
            return None  # there it is counted under another endpoint, and which one the plan does not say
        calls = {
            version: sum(use.count for use in self._uses[Place(rule.api, version, rule.endpoint)])
            for version in self._plan.apis[rule.api].versions
        }
        total = sum(calls.values())
        return calls[dates.successor] / total if total else None

    def _readiness(self, rule: Rule, whole: Rule, left: Collection[Left]) -> tuple[Readiness, Reasons]:
        """By its gate if it has one, else by whether anybody called in the period."""
        dates, period, begins = rule.lifecycle, self._period, self._past.begins
        if dates.phase(period.now) in (Phase.SUNSET, Phase.REMOVED):
            return _switched_off(dates, left, period.now)
        if dates.accept is not None:
            told = self._told(rule.api, rule.version)
            judged = judge(gate_of(rule, whole), rule, self._past.facts, self._plan, told, period.now)
            return _OF_VERDICTS[judged.verdict], judged.reasons
        since = rfc3339(period.since)
        if left:
            return Readiness.UNSAFE, (f"called since {since} by {_few(left)}",)
        if begins is None or begins > period.since:
            age = "is empty" if begins is None else f"begins at {rfc3339(begins)}"
            return Readiness.UNKNOWN, (f"the ledger {age}, and does not tell of everything since {since}",)
        return Readiness.SAFE, (f"nobody called since {since}",)


_OF_VERDICTS: Mapping[Verdict, Readiness] = {
    Verdict.MET: Readiness.SAFE,
    Verdict.UNMET: Readiness.UNSAFE,
    Verdict.UNKNOWN: Readiness.UNKNOWN,
}


def _places(one: Use | DayCount) -> set[Place]:
    return {place_of(one), Place(one.api, one.version, WHOLE)}


def _switched_off(dates: Lifecycle, left: Collection[Left], now: int) -> tuple[Readiness, Reasons]:
    if dates.phase(now) is Phase.REMOVED:
        return Readiness.OFF, (f"removed since {rfc3339(dates.removed or now)}",)
    spared = [grace for one in left if (grace := dates.grace_for(one.name, now)) is not None]
    if spared:
        ends = ", ".join(f"{one.consumer} until {rfc3339(one.until)}" for one in spared)
        return Readiness.UNSAFE, (f"called under grace by {ends}",)
    return Readiness.OFF, (f"sunset since {rfc3339(dates.enforced or now)}",)


def _few(left: Collection[Left]) -> str:
    names = [one.name for one in left][:FEW]
    more = f" and {len(left) - FEW} more" if len(left) > FEW else ""
    return ", ".join(names) + more
