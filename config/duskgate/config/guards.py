"""Guards of rollouts: what of the YAML cannot be, and the rest compiled."""

from __future__ import annotations

from collections.abc import Iterator

from duskgate.config import models
from duskgate.config.mistake import Mistake
from duskgate.policy.guard import Action, Guard

SHORTEST, LONGEST = 2_000, 3_600_000
"""Windows, in ms: workers hand on what they count ten times a second, and a long one is kept in memory."""

A_HUNDRED = 100
"""The 99th percentile of fewer requests is just the slowest of them."""


def mistakes(rollout: models.Rollout) -> Iterator[Mistake]:
    """What is wrong with a rollout's guard."""
    guard = rollout.guard
    if guard is None:
        return
    if not SHORTEST <= guard.window <= LONGEST:
        yield Mistake(("window",), "is not between 2s and 1h")
    if guard.max_p99_ratio is not None and guard.min_requests < A_HUNDRED:
        reason = f"{guard.min_requests} requests have no 99th percentile"
        yield Mistake(("min_requests",), reason, "with max_p99_ratio at least 100 are needed")
    if guard.action == "pause" and rollout.steps is None:
        yield Mistake(
            ("action",), "stops a schedule, and the rollout has no steps", "write rollback or alert"
        )
    if guard.max_error_delta == 100:
        yield Mistake(("max_error_delta",), "is never exceeded", "write how many more may fail, such as 1%")


def compiled(guard: models.Guard | None) -> Guard | None:
    """The guard as the plan has it."""
    if guard is None:
        return None
    delta = guard.max_error_delta
    return Guard(
        window=guard.window,
        min_requests=guard.min_requests,
        max_error_delta=None if delta is None else delta / 100,
        max_p99_ratio=guard.max_p99_ratio,
        action=Action(guard.action),
    )
