"""Sticky shares of the callers: the same caller is always in or always out, and more never means others.

Each caller has a bucket, ``xxh64(key, seed) % 10000``. A share of 5 % covers the buckets below 500, so
raising it lets nobody out, and lowering it lets out those who came in last. The hash comes from outside (the
core is the standard library's only); Envoy and HAProxy have the same one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

BUCKETS = 10_000
"""One is a hundredth of a percent."""


def buckets(percent: float) -> int:
    """How many of the buckets a share has."""
    return round(percent * BUCKETS / 100)


Hash = Callable[[bytes, int], int]
"""``xxh64``: a key and a seed to an unsigned 64-bit number."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the callers that may change with time.

    ``since`` and ``parts`` go together: from an instant (ms, ascending), so many buckets; before the first,
    none. ``seed`` tells one division of the callers from another.
    """

    seed: int
    since: tuple[int, ...]
    parts: tuple[int, ...]
    hash: Hash

    def part(self, now: int) -> int:
        """How many of the buckets are in at an instant."""
        step = bisect_right(self.since, now)
        return self.parts[step - 1] if step else 0

    def has(self, key: str | bytes, now: int) -> bool:
        """Whether a caller is in at an instant."""
        part = self.part(now)
        return part >= BUCKETS or (part > 0 and self.bucket(key) < part)

    def bucket(self, key: str | bytes) -> int:
        """The caller's bucket. A text is hashed in UTF-8."""
        return self.hash(key if isinstance(key, bytes) else key.encode(), self.seed) % BUCKETS
