"""Judging acceptance gates: is it safe to let a sunset take effect, by what is known of who still calls?

Pure: what is known comes in as ``Facts``, and now as an argument. A condition that looks back further than
the records do cannot be judged, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, assert_never

from duskgate.policy.accept import (
    Accept,
    Condition,
    ContactsNotified,
    CriticalUnseen,
    OldShare,
    SuccessorErrors,
    Verdict,
)
from duskgate.policy.instants import rfc3339
from duskgate.policy.plan import WHOLE, Consumer, Plan, Rule
from duskgate.policy.switches import Gate, Judged, gate_of
from duskgate.policy.timeline import rules


class Served(NamedTuple):
    """Requests of one version in a span of time: how many were answered, how many of them with 5xx."""

    requests: int
    errors: int


class Facts(Protocol):
    """What is known of past requests. Instants in ms; callers by their label."""

    def begins(self) -> int | None:
        """When the records begin; ``None`` if there are none."""
        ...

    def served(self, api: str, endpoint: str, since: int) -> Mapping[str, Served]:
        """By version. ``endpoint`` is ``*`` for all of them."""
        ...

    def callers(self, api: str, version: str, endpoint: str, since: int) -> Mapping[str, int]:
        """Who called since then, and when last."""
        ...


class _Case(NamedTuple):
    """One gate to judge. ``told`` are the consumers on record as told of the version's end, ``named`` the
    api's endpoints by their shape."""

    rule: Rule
    endpoint: str
    facts: Facts
    consumers: Mapping[str, Consumer]
    told: Collection[str]
    now: int
    named: Mapping[str, str]


Finding = tuple[Verdict, str]


def gates(plan: Plan) -> Iterator[tuple[Gate, Rule]]:
    """Every gate of a plan, with the rule it is before."""
    for rule, whole in rules(plan):
        gate = gate_of(rule, whole)
        if rule.lifecycle.accept is not None and (rule is whole or gate[2] != WHOLE):
            yield gate, rule


NO_LEDGER = "there is no ledger"


def judge(gate: Gate, rule: Rule, facts: Facts | str, plan: Plan, told: Collection[str], now: int) -> Judged:
    """Judge a gate at an instant (ms). ``facts`` says why, where nothing is known.

    ``told`` are the consumers on record as told. All conditions must be met; of several verdicts the worst
    counts, and its reasons are given.
    """
    accept = rule.lifecycle.accept
    if accept is None:
        raise ValueError("a rule without a gate")
    if isinstance(facts, str):
        return _opened(Judged(Verdict.UNKNOWN, (facts,)), rule, accept, now)
    endpoint = WHOLE if gate[2] == WHOLE else rule.endpoint
    case = _Case(rule, endpoint, facts, plan.identity.consumers, told, now, _named(plan, rule.api))
    found = [_condition(condition, case) for condition in accept.conditions]
    verdict = worst(verdict for verdict, _ in found)
    reasons = tuple(reason for its, reason in found if its is verdict)
    return _opened(Judged(verdict, reasons), rule, accept, now)


_SEVERITY = (Verdict.UNMET, Verdict.UNKNOWN, Verdict.MET)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The one of several verdicts that counts."""
    return min(verdicts, key=_SEVERITY.index)


def _opened(judged: Judged, rule: Rule, accept: Accept, now: int) -> Judged:
    """A gate that lets its sunset take effect stays open: a version never comes back by itself."""
    sunset = rule.lifecycle.sunset
    opens = sunset is not None and now >= sunset and not accept.holds(judged.verdict)
    return judged._replace(open=sunset) if opens else judged


def still_open(judged: Judged, before: Judged | None, rule: Rule, now: int) -> Judged:
    """A gate that is open stays open, also one that let its sunset pass by the verdict ``before`` or without
    any: who calls after that and gets 410 must not bring the version back."""
    if judged.open is not None:
        return judged
    sunset = rule.lifecycle.sunset
    if sunset is not None and now >= sunset and rule.lifecycle.held_until is None:
        return judged._replace(open=sunset)
    return judged if before is None else judged._replace(open=before.open)


def _condition(condition: Condition, case: _Case) -> Finding:
    since = case.now - condition.over
    begins = case.facts.begins()
    if begins is None or begins > since:
        age = "empty" if begins is None else f"kept only since {rfc3339(begins)}"
        return Verdict.UNKNOWN, f"the ledger is {age}, and {_name(condition)} looks back to {rfc3339(since)}"
    match condition:
        case OldShare():
            return _old_share(condition, case, since)
        case CriticalUnseen():
            return _critical_unseen(case, since)
        case SuccessorErrors():
            return _successor_errors(condition, case, since)
        case ContactsNotified():
            return _contacts_notified(case, since)
        case _:
            assert_never(condition)


_NAMES = {
    OldShare: "old_share",
    CriticalUnseen: "critical_unseen",
    SuccessorErrors: "successor_errors",
    ContactsNotified: "contacts_notified",
}


def _name(condition: Condition) -> str:
    return _NAMES[type(condition)]


def _served(case: _Case, since: int) -> Mapping[str, Served] | str:
    """What was served at the gate's place by version, its successor's where that is another one; or why not
    even that is known."""
    api, dates = case.rule.api, case.rule.lifecycle
    served = case.facts.served(api, case.endpoint, since)
    if dates.successor_path is None or dates.successor is None or case.endpoint == WHOLE:
        return served
    there = case.named.get(_shape(dates.successor_path))
    if there is None:
        return f"{dates.successor_path} of {dates.successor} is none of the endpoints, so it is not counted"
    new = case.facts.served(api, there, since).get(dates.successor, Served(0, 0))
    return {**served, dates.successor: new}


def _shape(template: str) -> str:
    """A template without the names of its parameters."""
    return re.sub(r"\{[^}]*\}", "{}", template)


def _named(plan: Plan, api: str) -> Mapping[str, str]:
    """The endpoints that requests are counted for, by their shape."""
    endpoints = plan.apis[api].endpoints
    found = (rule.endpoint for rules in endpoints.values() for rule in rules.values()) if endpoints else ()
    return {_shape(endpoint): endpoint for endpoint in found}


def _old_share(condition: OldShare, case: _Case, since: int) -> Finding:
    served = _served(case, since)
    if isinstance(served, str):
        return Verdict.UNKNOWN, f"old_share: {served}"
    total = sum(one.requests for one in served.values())
    old = served.get(case.rule.version, Served(0, 0)).requests
    share = old / total if total else 0.0
    verdict = Verdict.MET if share < condition.below or old == 0 else Verdict.UNMET
    return verdict, f"old_share: {old} of {total} requests, {share:.2%}; wanted below {condition.below:.2%}"


def _critical_unseen(case: _Case, since: int) -> Finding:
    callers = case.facts.callers(case.rule.api, case.rule.version, case.endpoint, since)
    seen = {
        name: at for name, at in callers.items() if name in case.consumers and case.consumers[name].critical
    }
    if not seen:
        return Verdict.MET, "critical_unseen: no critical consumer called"
    last = ", ".join(f"{name} on {rfc3339(at)}" for name, at in sorted(seen.items()))
    return Verdict.UNMET, f"critical_unseen: called by {last}"


def _successor_errors(condition: SuccessorErrors, case: _Case, since: int) -> Finding:
    served = _served(case, since)
    if isinstance(served, str):
        return Verdict.UNKNOWN, f"successor_errors: {served}"
    successor = case.rule.lifecycle.successor or ""
    new, old = served.get(successor, Served(0, 0)), served.get(case.rule.version, Served(0, 0))
    if new.requests == 0:
        return Verdict.UNKNOWN, f"successor_errors: nobody called {successor}"
    rate = new.errors / new.requests
    before = old.errors / old.requests if old.requests else 0.0
    verdict = Verdict.MET if rate <= before + condition.tolerance else Verdict.UNMET
    compared = f"{successor} {rate:.2%} of {new.requests}, {case.rule.version} {before:.2%} of {old.requests}"
    return verdict, f"successor_errors: {compared}; {condition.tolerance:.2%} more is all right"


def _contacts_notified(case: _Case, since: int) -> Finding:
    callers = case.facts.callers(case.rule.api, case.rule.version, case.endpoint, since)
    missing = sorted(name for name in callers if name in case.consumers and name not in case.told)
    if missing:
        return Verdict.UNMET, f"contacts_notified: not told yet: {', '.join(missing)}"
    return Verdict.MET, "contacts_notified: everybody known who calls was told"
