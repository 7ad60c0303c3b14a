"""Why a request is decided as it is, rule by rule, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from duskgate.policy.decide import conclude, flags_for
from duskgate.policy.decision import (
    BadRequest,
    Brownout,
    Decision,
    Forward,
    Frozen,
    Gone,
    Moved,
    NotFound,
    Removed,
    Ruled,
    UnknownVersion,
    VersionConflict,
)
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.plan import Plan
from duskgate.policy.request import Request
from duskgate.policy.rollout import Why
from duskgate.policy.rollout_told import told
from duskgate.policy.route import Route, route


class Step(NamedTuple):
    """One rule that was looked at and what it found."""

    rule: str
    found: str


NO_REASONS: Mapping[str, str] = {}


def explain(
    plan: Plan,
    request: Request,
    flags: Mapping[str, bool],
    now: int,
    because: Mapping[str, str] = NO_REASONS,
) -> tuple[Decision, list[Step]]:
    """Decide, and say what each rule found on the way. ``because``: why each flag is what it is."""
    bound = route(plan, request)
    if not isinstance(bound, Route):
        return bound, [Step("route", _refusal(bound))]
    decision = conclude(bound, request, flags, now)
    steps = [Step("api", f"{bound.api.name}, {bound.matched} segments of the path are its own")]
    steps += _signals(bound, request)
    steps += [Step("flag", _flag(name, flags, because)) for name in flags_for(bound)]
    steps += _rollout(bound, decision, request, now)
    steps += _decided(decision, request, now)
    return decision, steps


def _flag(name: str, flags: Mapping[str, bool], because: Mapping[str, str]) -> str:
    found = f"{name} is {'on' if flags.get(name) else 'off'}"
    return f"{found}, {because[name]}" if name in because else found


def _signals(bound: Route, request: Request) -> Iterator[Step]:
    if bound.api.version_index is not None:
        yield Step("path", f"names {bound.version}" if bound.in_path else "names no version")
    for resolver in bound.api.resolvers:
        texts = [text.decode("utf-8", "replace") for text in resolver.read(request)]
        yield Step(resolver.label, f"names {', '.join(texts)}" if texts else "names no version")


def _rollout(bound: Route, decision: Decision, request: Request, now: int) -> Iterator[Step]:
    """What the rollout of the version found that the caller names, or gets by default."""
    named = bound.version or bound.api.default
    rollout = bound.api.rollouts.get(named) if named is not None else None
    if rollout is None or not isinstance(decision, Ruled):
        return
    choice = decision.rollout
    if choice is None:
        yield Step("rollout", f"{rollout.version} to {rollout.to}: {_overlooked(bound)}")
        return
    for rule, found in told(rollout, request, now):
        yield Step(rule, found)
    outcome = "moved" if choice.moved else "stays"
    if choice.why is Why.UNAVAILABLE:
        outcome += f": {rollout.to} would not take this request"
    elif choice.why is not Why.NONE:
        outcome += f", by {choice.why}{f' {choice.by}' if choice.by else ''}"
    yield Step("rollout", f"{rollout.version} to {rollout.to}: {outcome}")


def _overlooked(bound: Route) -> str:
    if bound.version is not None:
        return "not for callers who name the version; that takes promote"
    return "not looked at: a flag chose the version"


def _decided(decision: Decision, request: Request, now: int) -> Iterator[Step]:
    if not isinstance(decision, Ruled):
        yield Step("version", _refusal(decision))
        return
    rule = decision.rule
    yield Step("version", f"{rule.version}, chosen by {decision.chosen_by}")
    yield Step("endpoint", "none of its own" if rule.endpoint == "*" else rule.endpoint)
    dates = rule.lifecycle
    given = [
        f"{name} {rfc3339(instant)}"
        for name in ("announced", "deprecated", "sunset", "removed")
        if (instant := getattr(dates, name)) is not None
    ]
    yield Step("lifecycle", ", ".join(given) or "none")
    if dates.hold is not None:
        yield Step("hold", f"until {rfc3339(dates.hold.until)} ({dates.hold.by}: {dates.hold.reason})")
    if dates.held_until is not None:
        yield Step("gate", f"unmet or not judged: the sunset waits until {rfc3339(dates.held_until)} at most")
    yield Step("phase", f"{dates.phase(now).value} at {rfc3339(now)}")
    grace = dates.grace_for(request.consumer, now)
    if grace is not None:
        yield Step("grace", f"{grace.consumer} until {rfc3339(grace.until)} ({grace.owner}: {grace.reason})")
    else:
        yield from _strangers(dates, request, now)
    yield Step("decision", _outcome(decision))
    for name, value in decision.marks.lines:
        yield Step("header", f"{name.decode()}: {value.decode('latin-1')}")
    if decision.successor is not None and decision.marks.told:
        yield Step("header", f'link: <{decision.successor.decode("latin-1")}>; rel="successor-version"')


def _strangers(dates: Lifecycle, request: Request, now: int) -> Iterator[Step]:
    """Rules that a grace would have spared the caller."""
    freeze = dates.freeze
    if freeze is not None and now >= freeze.since:
        known = "nobody can tell" if freeze.seen is None else "no" if request.caller in freeze.seen else "yes"
        mode = "refused" if freeze.enforced else "counted"
        yield Step("freeze", f"newcomers are {mode} since {rfc3339(freeze.since)}; is this one: {known}")
    window = dates.brownout(now)
    if window is not None:
        hit = "hits" if window.hits(request.consumer, request.caller, now) else "spares"
        share = window.share
        part = f" of {share.part(now) / 100:g} % (bucket {share.bucket(request.caller)})" if share else ""
        yield Step("brownout", f"until {rfc3339(window.end)}{part}, {hit} {request.caller}")


def _outcome(decision: Ruled) -> str:
    match decision:
        case Forward(rule=rule, target=target):
            return f"forward to backend {rule.backend or '(the application)'}: {target.decode('latin-1')}"
        case Brownout(window=window):
            return f"{window.status}, brownout until {rfc3339(window.end)}"
        case Frozen():
            return "403, no new callers"
        case Moved(successor=successor):
            return f"308 to {successor.decode('latin-1')}, the sunset has come"
        case Gone():
            return "410, the sunset has come"
        case Removed():
            return "404, removed"


def _refusal(decision: Decision) -> str:
    match decision:
        case NotFound():
            return "404, no api at this path"
        case UnknownVersion(text=None, known=known):
            return f"{decision.status}, the request names no version; there are {', '.join(known)}"
        case UnknownVersion(source=source, text=text, known=known):
            return f"{decision.status}, {text!r} in the {source} is unknown; there are {', '.join(known)}"
        case VersionConflict(first=first, second=second):
            return f"400, {first[0]} names {first[1]}, {second[0]} names {second[1]}"
        case BadRequest(reason=reason):
            return f"400, {reason}"
        case _:
            return type(decision).__name__
