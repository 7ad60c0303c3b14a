"""What the rooms of the stack tell each other about one request, kept in ``scope["duskgate"]``."""

from __future__ import annotations

from duskgate.middleware.asgi import Scope
from duskgate.policy.decision import Brownout, Decision, Forward, Frozen, Gone, Moved, Removed
from duskgate.policy.identify import ANONYMOUS, Who
from duskgate.policy.plan import Plan
from duskgate.policy.request import Request

KEY = "duskgate"


class Exchange:
    """One request and what became of it.

    ``upstream_seconds`` is the time from asking the backend to its response's head. ``failure`` is the
    problem name of a gateway error. ``reference`` is what a refused caller may quote to support. ``at`` is
    the moment that was asked for in a rehearsal, and ``now`` the one that was decided by, both in ms.
    ``answered_by`` is the room that answered by itself, before anything was decided.
    """

    # set once for all: one is made for every request, and most of it stays as it is
    plan: Plan | None = None
    request: Request | None = None
    who: Who = ANONYMOUS
    decision: Decision | None = None
    flags: tuple[tuple[str, str], ...] = ()
    status: int = 0
    upstream_seconds: float | None = None
    failure: str | None = None
    reference: str | None = None
    at: int | None = None
    now: int = 0
    answered_by: str | None = None

    @property
    def outcome(self) -> str:
        """What happened in one word: see docs/metrics.md for the list."""
        if self.failure is not None:
            return self.failure
        if self.at is not None:
            return "rehearsed"
        if self.answered_by is not None:
            return self.answered_by
        decision = self.decision
        if isinstance(decision, Forward):
            if not decision.in_grace:
                return "forwarded"
            return "grace_expiring" if decision.expiring else "grace"
        return _OUTCOMES.get(type(decision), "rejected")


_OUTCOMES = {
    Brownout: "brownout",
    Frozen: "frozen",
    Moved: "redirected",
    Gone: "refused",
    Removed: "refused",
}


def exchange_of(scope: Scope) -> Exchange:
    """The request's exchange, made by the first room that asks for it."""
    if KEY in scope:
        found: Exchange = scope[KEY]
        return found
    made = scope[KEY] = Exchange()
    return made
