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
    Gone,
    NotFound,
    Removed,
    UnknownVersion,
    VersionConflict,
)
from duskgate.policy.instants import rfc3339
from duskgate.policy.plan import Plan
from duskgate.policy.request import Request
from duskgate.policy.route import Route, route


class Step(NamedTuple):
    """One rule that was looked at and what it found."""

    rule: str
    found: str


def explain(plan: Plan, request: Request, flags: Mapping[str, bool], now: int) -> tuple[Decision, list[Step]]:
    """Decide, and say what each rule found on the way."""
    bound = route(plan, request)
    if not isinstance(bound, Route):
        return bound, [Step("route", _refusal(bound))]
    decision = conclude(bound, request, flags, now)
    steps = [Step("api", f"{bound.api.name}, {bound.matched} segments of the path are its own")]
    steps += _signals(bound, request)
    steps += [Step("flag", f"{name} is {'on' if flags.get(name) else 'off'}") for name in flags_for(bound)]
    steps += _decided(decision, request, now)
    return decision, steps


def _signals(bound: Route, request: Request) -> Iterator[Step]:
    if bound.api.version_index is not None:
        yield Step("path", f"names {bound.version}" if bound.in_path else "names no version")
    for resolver in bound.api.resolvers:
        texts = [text.decode("utf-8", "replace") for text in resolver.read(request)]
        yield Step(resolver.label, f"names {', '.join(texts)}" if texts else "names no version")


def _decided(decision: Decision, request: Request, now: int) -> Iterator[Step]:
    if not isinstance(decision, (Forward, Gone, Brownout, Removed)):
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
    yield Step("phase", f"{dates.phase(now).value} at {rfc3339(now)}")
    grace = dates.grace_for(request.consumer, now)
    if grace is not None:
        yield Step("grace", f"{grace.consumer} until {rfc3339(grace.until)} ({grace.owner}: {grace.reason})")
    yield from _outcome(decision)


def _outcome(decision: Forward | Gone | Brownout | Removed) -> Iterator[Step]:
    if isinstance(decision, Forward):
        target = decision.target.decode("latin-1")
        yield Step("decision", f"forward to backend {decision.rule.backend or '(the application)'}: {target}")
    elif isinstance(decision, Brownout):
        yield Step("decision", f"410, brownout until {rfc3339(decision.window.end)}")
    elif isinstance(decision, Gone):
        yield Step("decision", "410, the sunset has come")
    else:
        yield Step("decision", "404, removed")
    for name, value in decision.marks.lines:
        yield Step("header", f"{name.decode()}: {value.decode('latin-1')}")
    if decision.successor is not None and decision.marks.told:
        yield Step("header", f'link: <{decision.successor.decode("latin-1")}>; rel="successor-version"')


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
