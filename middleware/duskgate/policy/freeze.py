"""Keeping newcomers off a version that is ending."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from duskgate.policy.request import ANONYMOUS


@dataclass(frozen=True, slots=True)
class Freeze:
    """From ``since`` on (ms), callers who were never seen on the version before are refused.

    ``enforced``: otherwise they are only counted. ``seen`` are those who were; ``None``: not known, so that
    nobody is refused. It comes from the usage ledger, not from the YAML.
    """

    since: int
    enforced: bool
    seen: Set[str] | None = None

    def keeps_out(self, caller: str, now: int) -> bool:
        """Whether a caller is new, and comes too late. Of anonymous ones nobody knows."""
        return now >= self.since and self.seen is not None and caller not in self.seen and caller != ANONYMOUS
