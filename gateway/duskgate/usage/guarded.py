"""What a guard may look at: the requests that reached a backend, how they ended and how long it took.

Counted for the versions of guarded rollouts only, and finer than for everybody else: a guard that compares
times needs buckets narrower than what it is to notice.
"""

from __future__ import annotations

GUARDED = "duskgate_rollout_guard_seconds"
"""The metric that has it."""

OK, ERROR = "ok", "error"

_FINE = frozenset(("forwarded", "grace", "grace_expiring", "cancelled", "ended"))
_FAILED = frozenset(("backend-unavailable", "backend-timeout", "overloaded", "cut-short"))


def result(outcome: str, code: str) -> str | None:
    """How a request that was sent to a backend ended there; ``None`` if that says nothing of the backend.

    A caller that hangs up is no error of the backend's, but how long it had waited counts.
    """
    if outcome in _FAILED:
        return ERROR
    if outcome in _FINE:
        return ERROR if code.startswith("5") else OK
    return None
