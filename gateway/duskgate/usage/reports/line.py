"""How it stands with one thing that ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from duskgate.policy.lifecycle import Phase
from duskgate.policy.plan import Rule
from duskgate.usage.reports.period import DAY
from duskgate.usage.reports.trend import Trend

Reasons = tuple[str, ...]


class Readiness(str, Enum):
    """Whether it may be switched off. ``OFF``: it is, and nobody is left who is spared."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"
    OFF = "off"

    __str__ = str.__str__


@dataclass(frozen=True)
class Left:
    """A consumer who still calls. ``known`` by the YAML; ``told`` by an operator's record."""

    name: str
    known: bool
    critical: bool
    contact: str | None
    told: bool
    calls: int
    refused: int
    last_seen: int


@dataclass(frozen=True)
class Line:
    """How it stands with one version, or with one endpoint that has dates of its own.

    ``zero`` is when calls end if they go on as they do (ms), and ``successor_share`` its part of all the
    api's requests (0 to 1); ``None``: nothing can be said.
    """

    rule: Rule
    phase: Phase
    left: tuple[Left, ...]
    trend: Trend
    zero: int | None
    successor_share: float | None
    readiness: Readiness
    reasons: Reasons

    @property
    def calls(self) -> int:
        """How many requests there were, refused ones among them."""
        return sum(one.calls for one in self.left)

    @property
    def refused(self) -> int:
        """How many of them were refused."""
        return sum(one.refused for one in self.left)

    @property
    def last_seen(self) -> int | None:
        """When the last one came."""
        return max((one.last_seen for one in self.left), default=None)

    @property
    def without_contact(self) -> list[str]:
        """Consumers known by name whom nobody can write to."""
        return [one.name for one in self.left if one.known and one.contact is None]

    @property
    def not_told(self) -> list[str]:
        """Consumers known by name who are not on record as told."""
        return [one.name for one in self.left if one.known and not one.told]

    def days_left(self, now: int) -> int | None:
        """Whole days until it is switched off; negative once it is."""
        sunset = self.rule.lifecycle.sunset
        off = self.rule.lifecycle.enforced if sunset is not None and now >= sunset else sunset
        return None if off is None else (off - now) // DAY
