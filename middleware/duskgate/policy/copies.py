"""The copy of a request that a version's shadow gets: the request as if it had asked for that version itself.

Each signal that names the request's version names the other one in the copy (``duskgate.policy.naming``). The
copy is then decided like any request for that version: it goes where those go, rewritten as they are, and
nowhere if they would be refused. No rollout moves it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from duskgate.policy.decide import settle
from duskgate.policy.decision import Forward
from duskgate.policy.lifecycle import Phase
from duskgate.policy.naming import has_method, named, renamed
from duskgate.policy.plan import Plan, Rule
from duskgate.policy.request import Request
from duskgate.policy.route import Route, route
from duskgate.policy.shadow import Shadow


class Copy(NamedTuple):
    """What to ask a backend for. ``target`` is the raw path and query, as in ``Forward``."""

    backend: str
    target: bytes
    request: Request


class Uncopied(str, Enum):
    """Why there is no copy."""

    UNNAMED = "unnamed"
    UNAVAILABLE = "unavailable"

    __str__ = str.__str__


def copy_of(plan: Plan, request: Request, rule: Rule, shadow: Shadow, now: int) -> Copy | Uncopied:
    """The copy of a request that was forwarded under ``rule``; ``now`` in ms.

    UNAVAILABLE: requests for the other version would be refused now, at least from some callers.
    """
    bound = route(plan, request)
    if not isinstance(bound, Route) or not has_method(rule.lifecycle, shadow.to, request.method):
        return Uncopied.UNNAMED
    asked = renamed(bound, request, shadow.to, shadow.parts)
    if bound.version is None:
        asked = named(bound, asked, shadow.to)
    again = route(plan, asked)
    if not isinstance(again, Route) or again.api is not bound.api:
        return Uncopied.UNNAMED
    if again.version not in (None, shadow.to):
        return Uncopied.UNNAMED
    decision = settle(again, shadow.to, asked._replace(consumer=None), now)
    if not isinstance(decision, Forward) or not _open_to_all(decision.rule, now):
        return Uncopied.UNAVAILABLE
    return Copy(decision.rule.backend, decision.target, asked)


def _open_to_all(rule: Rule, now: int) -> bool:
    lifecycle = rule.lifecycle
    return lifecycle.phase(now) in (Phase.ACTIVE, Phase.DEPRECATED) and lifecycle.brownout(now) is None
