"""Judging rollouts: does the version that callers are moved to do worse than the one they come from?

Pure: what was counted comes in. A guard trips on what is over a bound three times over:

1. in the window as a whole, by more than chance explains, and with enough requests to both versions;
2. still since the look before, so that what has passed is let pass;
3. in two looks in a row, so that one bad moment moves nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from math import sqrt
from typing import NamedTuple

from duskgate.policy.guard import Guard
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Phase
from duskgate.policy.plan import Rule
from duskgate.usage.window import Counts, Sides

IN_A_ROW = 2
"""Looks that must be over a bound, one after the other."""

DEVIATIONS = 2
"""How many standard deviations above what is allowed count as chance."""

SLOWEST = 0.01
"""The part of the requests that is slower than the 99th percentile."""

UNHEALTHY = 0.2
"""From this part of failed answers on a version is nothing to move callers back to."""


class Verdict(str, Enum):
    """How a rollout was judged."""

    WITHIN = "within"
    OVER = "over"
    UNKNOWN = "unknown"

    __str__ = str.__str__


class Judged(NamedTuple):
    """A verdict, with why; and how many looks in a row were over a bound."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    in_a_row: int = 0

    @property
    def trips(self) -> bool:
        """Whether the guard is to do something."""
        return self.in_a_row >= IN_A_ROW


NOT_JUDGED = Judged(Verdict.UNKNOWN, ("nothing was counted yet",))


class _Bound(NamedTuple):
    """One way to do worse: whether it is so in the window, and still so since the last look; in words."""

    over: bool
    still: bool
    words: str


def judge(guard: Guard, names: tuple[str, str], window: Sides, latest: Sides, before: int) -> Judged:
    """Judge a rollout. ``names`` are those of the new version and of the old one.

    ``window`` is what was counted in the whole window, ``latest`` since the look before, and ``before`` how
    many looks in a row were over a bound until now.
    """
    new, old = names
    if min(window.new.requests, window.old.requests) < guard.min_requests:
        seen = f"{new} {window.new.requests}, {old} {window.old.requests}"
        return Judged(Verdict.UNKNOWN, (f"too few requests: {seen}; wanted {guard.min_requests} of each",))
    bounds = list(_bounds(guard, names, window, latest))
    over = [bound for bound in bounds if bound.over]
    if not over:
        return Judged(Verdict.WITHIN, tuple(bound.words for bound in bounds))
    words = tuple(bound.words for bound in over)
    if not latest.new.requests:
        return Judged(Verdict.OVER, words, before)
    if not any(bound.still for bound in over):
        return Judged(Verdict.WITHIN, tuple(f"{text}; it has passed" for text in words))
    return Judged(Verdict.OVER, words, before + 1)


def _bounds(guard: Guard, names: tuple[str, str], window: Sides, latest: Sides) -> Iterator[_Bound]:
    (new, old), now, was = names, window.new, window.old
    asked, lately = now.requests, latest.new.requests
    if guard.max_error_delta is not None:
        allowed = min(was.error_rate + guard.max_error_delta, 1.0)
        rates = f"{new} {now.error_rate:.2%} of {asked}, {old} {was.error_rate:.2%} of {was.requests}"
        yield _Bound(
            _beyond_chance(now.errors, asked, allowed),
            latest.new.errors > lately * allowed,
            f"errors: {rates}; {guard.max_error_delta:.2%} more is all right",
        )
    if guard.max_p99_ratio is not None:
        slow = was.p99() * guard.max_p99_ratio
        yield _Bound(
            _beyond_chance(now.slower(slow), asked, SLOWEST),
            latest.new.slower(slow) > lately * SLOWEST,
            f"p99: {new} {now.p99():.3g} s, {old} {was.p99():.3g} s;"
            f" {guard.max_p99_ratio:g} times as long is all right",
        )


def _beyond_chance(number: float, requests: int, allowed: float) -> bool:
    """Whether so many of the requests are more than the allowed part of them, and hardly by chance."""
    expected = requests * allowed
    return number > expected + DEVIATIONS * sqrt(expected * (1 - allowed))


def obstacle(rule: Rule, down: bool, old: Counts, now: int) -> str | None:
    """Why callers cannot be moved back at an instant (ms) to the version of a rule; ``None``: they can.

    ``down``: all targets of its backend are, by their health checks. ``old`` is what the version did in the
    window.
    """
    phase = rule.lifecycle.phase(now)
    if phase in (Phase.SUNSET, Phase.REMOVED):
        return f"{rule.version} is past its {'sunset' if phase is Phase.SUNSET else 'removal'}"
    window = rule.lifecycle.brownout(now)
    if window is not None:
        return f"{rule.version} is in a brownout until {rfc3339(window.end)}"
    if down:
        return f"all targets of {rule.version} are down by their health checks"
    if old.error_rate >= UNHEALTHY:
        return f"{rule.version} itself answers {old.error_rate:.2%} of {old.requests} requests with errors"
    return None
