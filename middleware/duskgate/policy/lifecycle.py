"""The dates of a version or endpoint, and where they stand at a moment.

Instants are integers: milliseconds since the epoch, UTC. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Phase(str, Enum):
    """Where a lifecycle stands, in the order in which time moves it."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    SUNSET = "sunset"
    REMOVED = "removed"

    __str__ = str.__str__


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time: ``start`` is in it, ``end`` is not."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Grace:
    """A named consumer's later sunset, with who answers for it and why."""

    consumer: str
    until: int
    owner: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The dates of one version or endpoint. A date that is ``None`` never comes."""

    announced: int | None = None
    deprecated: int | None = None
    sunset: int | None = None
    removed: int | None = None
    guide: str | None = None
    successor: str | None = None
    successor_path: str | None = None
    brownouts: tuple[Window, ...] = ()
    grace: Mapping[str, Grace] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ends(self) -> bool:
        """Whether anything about this lifecycle is to be told to callers at all."""
        return self.deprecated is not None or self.sunset is not None

    def phase(self, now: int) -> Phase:
        """The phase at an instant; a date belongs to the phase that it begins."""
        if self.removed is not None and now >= self.removed:
            return Phase.REMOVED
        if self.sunset is not None and now >= self.sunset:
            return Phase.SUNSET
        if self.deprecated is not None and now >= self.deprecated:
            return Phase.DEPRECATED
        return Phase.ACTIVE

    @property
    def tells_from(self) -> int | None:
        """The first instant at which callers are told; ``None`` for a sunset alone: always.

        Only for a lifecycle that ``ends``.
        """
        return self.announced if self.announced is not None else self.deprecated

    def told(self, now: int) -> bool:
        """Whether callers are to be told by now.

        From ``announced`` on; without that from ``deprecated`` on; with a sunset alone, always, since a
        410 must never come unannounced.
        """
        begins = self.tells_from
        return self.ends and (begins is None or now >= begins)

    def brownout(self, now: int) -> Window | None:
        """The brownout that is on at an instant, if one is."""
        for window in self.brownouts:
            if window.start <= now < window.end:
                return window
        return None

    def grace_for(self, consumer: str | None, now: int) -> Grace | None:
        """The grace a named consumer has left at an instant."""
        if consumer is None or not self.grace:
            return None
        grace = self.grace.get(consumer)
        return grace if grace is not None and now < grace.until else None


NEVER_ENDS = Lifecycle()
