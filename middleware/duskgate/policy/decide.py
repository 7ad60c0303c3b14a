"""The rules, top to bottom. Pure and total: the same inputs always give the same decision.

1. No api at the path: 404. A path that could be two things: 400.
2. An explicit version signal names the version. An unknown one: 400 or 404. Two that disagree: 400.
3. No explicit signal: the first flag resolver that is on, else the default version.
4. A caller who got the version by default may be moved on by its rollout, and with ``promote`` also one who
   named it; but never to where the request would be refused.
5. Past removal: 404. Past the sunset, unless the consumer has grace left: 308 to the successor where that is
   wanted, else 410.
6. A consumer who was never seen on a version that takes no new ones: 403.
7. In a brownout: 410 or 503, unless the consumer has grace, is exempt, or not among the share it is for.
8. Everything else is forwarded, with the notices that the lifecycle calls for.
"""

from __future__ import annotations

from collections.abc import Mapping

from duskgate.policy.decision import (
    Brownout,
    Decision,
    Forward,
    Frozen,
    Gone,
    Moved,
    Removed,
    Ruled,
    UnknownVersion,
)
from duskgate.policy.lifecycle import Lifecycle, Phase, Redirect
from duskgate.policy.naming import has_method, renamed
from duskgate.policy.plan import WHOLE, Api, Plan, Rule
from duskgate.policy.request import Request
from duskgate.policy.rollout import Choice, Rollout, Why
from duskgate.policy.route import Route, reread, route
from duskgate.policy.standing import Bar, standing_of
from duskgate.policy.targets import successor_url, upstream_target

GONE_MAX_AGE = 300
"""How long a 410 may be cached, in seconds: long enough to spare the gateway, short enough to undo it."""

NO_FLAGS: Mapping[str, bool] = {}


def decide(plan: Plan, request: Request, flags: Mapping[str, bool], now: int) -> Decision:
    """What happens to a request at an instant (ms since the epoch), given the flags it needed."""
    bound = route(plan, request)
    return conclude(bound, request, flags, now) if isinstance(bound, Route) else bound


def flags_needed(plan: Plan, request: Request) -> tuple[str, ...]:
    """The flags that ``decide`` will look at for this request. A flag that is not given counts as off."""
    bound = route(plan, request)
    return flags_for(bound) if isinstance(bound, Route) else ()


def flags_for(bound: Route) -> tuple[str, ...]:
    """The same for a request that is routed already."""
    if bound.version is None:
        return bound.api.flags
    rollout = _promoting(bound.api, bound.version)
    return (rollout.flag,) if rollout is not None and rollout.flag is not None else ()


def conclude(bound: Route, request: Request, flags: Mapping[str, bool], now: int) -> Decision:
    """The second half of ``decide``, for callers that had to ask for flags in between."""
    api, version = bound.api, bound.version
    if version is not None:
        rollout = _promoting(api, version)
        if rollout is not None:
            return _rolled(bound, rollout, request, flags, now, bound.named_by)
        return settle(bound, version, request, now, bound.named_by)
    for resolver in api.flag_resolvers:
        if flags.get(resolver.flag):
            return settle(bound, resolver.version, request, now, resolver.label, personal=True)
    if api.default is None:
        status = 400 if api.resolvers or api.flag_resolvers else 404
        return UnknownVersion(api.name, "request", None, api.versions, status)
    rollout = api.rollouts.get(api.default)
    if rollout is not None:
        return _rolled(bound, rollout, request, flags, now, "default")
    return settle(bound, api.default, request, now, "default", personal=api.personal)


def _promoting(api: Api, version: str) -> Rollout | None:
    """The rollout that moves also callers who name the version."""
    rollout = api.rollouts.get(version) if api.rollouts else None
    return rollout if rollout is not None and rollout.promote else None


def _rolled(
    bound: Route, rollout: Rollout, request: Request, flags: Mapping[str, bool], now: int, chosen_by: str
) -> Ruled:
    choice = rollout.choose(request, flags, now)
    if choice.moved:
        decision = _moved(bound, rollout, request, now, choice)
        if decision is not None:
            return decision
        choice = choice._replace(moved=False, why=Why.UNAVAILABLE)
    stays = settle(bound, rollout.version, request, now, chosen_by, personal=True)
    return stays._replace(rollout=choice)


def _moved(bound: Route, rollout: Rollout, request: Request, now: int, choice: Choice) -> Forward | None:
    """The request, forwarded as one for the other version; ``None`` where it would be refused."""
    own = _rule(bound, rollout.version, request.method)
    if not has_method(own.lifecycle, rollout.to, request.method):
        return None
    asked, again = request, bound
    if bound.version is not None or own.elsewhere is not None:
        asked = renamed(bound, request, rollout.to, own.elsewhere)
        read_again = reread(bound, asked)
        if read_again is None:
            return None
        again = read_again
    decision = settle(again, rollout.to, asked, now, choice.label, personal=True)
    if not isinstance(decision, Forward):
        return None
    return decision._replace(rollout=choice, renamed=None if asked is request else asked)


def settle(
    bound: Route, version: str, request: Request, now: int, chosen_by: str = "", *, personal: bool = False
) -> Ruled:
    """What happens to a request for a version. ``personal``: another caller might have got another one."""
    decision = _judge(bound, _rule(bound, version, request.method), request, now, personal, chosen_by)
    for rest in bound.other_rests:
        other = bound._replace(rest=rest)
        also = _judge(other, _rule(other, version, request.method), request, now, personal, chosen_by)
        decision = max(decision, also, key=_strictness)
    return decision


def _strictness(decision: Ruled) -> tuple[int, bool]:
    """Of two readings of a path the stricter counts; of two as strict, the one with a rule of its own."""
    return _STRICTER.index(type(decision)), decision.rule.endpoint != WHOLE


_STRICTER = (Forward, Brownout, Frozen, Moved, Gone, Removed)


def _rule(bound: Route, version: str, method: str) -> Rule:
    api = bound.api
    rules = api.endpoints.find(bound.rest, method.upper()) if api.endpoints is not None else None
    return rules[version] if rules is not None else api.rules[version]


def _judge(bound: Route, rule: Rule, request: Request, now: int, personal: bool, chosen_by: str) -> Ruled:
    if not rule.ends:
        target = upstream_target(bound, rule, request)
        return Forward(rule, Phase.ACTIVE, rule.untold[personal], target, None, chosen_by)
    lifecycle = rule.lifecycle
    stands = standing_of(lifecycle, request.consumer, request.caller, now)
    phase, grace = stands.phase, stands.grace
    told = phase is not Phase.ACTIVE or lifecycle.told(now)
    marks = (rule.told if told else rule.untold)[personal]
    if grace is not None and told:
        marks = rule.graced[grace.consumer][personal]
    successor = successor_url(bound, rule, request) if told else None
    if stands.bar is None:
        target = upstream_target(bound, rule, request)
        in_grace = phase is Phase.SUNSET
        expiring = in_grace and grace is not None and lifecycle.expiring(grace, now)
        return Forward(rule, phase, marks, target, successor, chosen_by, in_grace, expiring, stands.newcomer)
    if stands.bar is Bar.REMOVED:
        return Removed(rule, marks, successor, chosen_by)
    if stands.bar is Bar.FROZEN:
        return Frozen(rule, phase, marks, successor, chosen_by)
    if stands.window is not None:
        return Brownout(rule, phase, marks, successor, chosen_by, stands.window)
    age = _max_age(rule, personal, now)
    if successor is not None and sent_on(lifecycle, request.method) and not request.handshake:
        return Moved(rule, marks, successor, chosen_by, age)
    return Gone(rule, marks, successor, chosen_by, age)


SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
"""Safe methods, RFC 9110 section 9.2.1."""


def sent_on(lifecycle: Lifecycle, method: str) -> bool:
    """Whether a request is redirected where the successor has a place for it.

    A 308 keeps the method (RFC 9110 section 15.4.9), so only where the successor has the same.
    """
    if lifecycle.redirect is Redirect.NEVER or (lifecycle.redirect is Redirect.SAFE and method not in SAFE):
        return False
    same = "GET" if method == "HEAD" else method
    return lifecycle.method is None or lifecycle.method == same


def _max_age(rule: Rule, personal: bool, now: int) -> int:
    """0, so ``no-store``, where the next caller may get another answer; never past the removal."""
    if personal or rule.lifecycle.personal:
        return 0
    if rule.lifecycle.removed is None:
        return GONE_MAX_AGE
    return min(GONE_MAX_AGE, (rule.lifecycle.removed - now) // 1000)
