"""Which requests are copied: a share of those that may be, and never more than there is room for.

Every request is drawn by itself, not every caller: so each endpoint and each caller has its share in what is
compared, and nobody's requests are all sent twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from duskgate.policy.plan import Plan
from duskgate.policy.request import Request
from duskgate.policy.route import Route, route
from duskgate.policy.shadow import MARKER, Shadow

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
"""Safe methods, RFC 9110 section 9.2.1, without TRACE, whose answer is the request."""

Room = tuple[str, str]
"""An api and its version: what has limits of its own."""


def may_be_copied(plan: Plan, request: Request, shadow: Shadow) -> bool:
    """Whether a request does no harm when it is sent once more, as far as anybody can tell.

    A request that is a copy itself, of another gateway's or of this one's, is not copied again.
    """
    if MARKER in request.fields:
        return False
    if request.method in SAFE:
        return True
    return shadow.idempotent is not None and _declared(plan, request, shadow)


def _declared(plan: Plan, request: Request, shadow: Shadow) -> bool:
    """Whether every way to read the path leads to an endpoint that was declared idempotent."""
    bound = route(plan, request)
    if not isinstance(bound, Route) or shadow.idempotent is None:
        return False
    find = shadow.idempotent.find
    return all(find(rest, request.method) for rest in (bound.rest, *bound.other_rests))


def too_large(request: Request, shadow: Shadow) -> bool:
    """Whether the request's head announces more than is kept."""
    length = request.fields.get(b"content-length", b"0")
    return length.isdigit() and int(length) > shadow.max_body


BURST_SECONDS = 0.1
"""Copies may begin at once that are as many as the rate allows in so long, and at least one."""


class Limits:
    """Counts the copies of each room: how many are under way, and how many more may begin by their rate.

    A rate is kept by a bucket of tokens, so that copies come spread over time and not all at once.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` is in seconds and only goes forward."""
        self._clock = clock
        self._under_way: dict[Room, int] = defaultdict(int)
        self._tokens: dict[Room, tuple[float, float]] = {}

    def enter(self, room: Room, shadow: Shadow) -> str | None:
        """Take a place; give it back with ``leave``. If there is none, the reason."""
        if self._under_way[room] >= shadow.concurrency:
            return "busy"
        most = max(1.0, shadow.rate * BURST_SECONDS)
        now = self._clock()
        before, tokens = self._tokens.get(room, (now, most))
        tokens = min(most, tokens + (now - before) * shadow.rate)
        free = tokens >= 1
        self._tokens[room] = now, tokens - free
        if not free:
            return "rate"
        self._under_way[room] += 1
        return None

    def leave(self, room: Room) -> None:
        """Give a place back."""
        self._under_way[room] -= 1
