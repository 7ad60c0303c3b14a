"""The dates of a version or endpoint, and where they stand at a moment.

Instants are integers: milliseconds since the epoch, UTC. Nothing here reads a clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from duskgate.policy.accept import Accept
from duskgate.policy.freeze import Freeze
from duskgate.policy.shares import Share


class Phase(str, Enum):
    """Where a lifecycle stands, in the order in which time moves it."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    SUNSET = "sunset"
    REMOVED = "removed"

    __str__ = str.__str__


class Redirect(str, Enum):
    """Which requests for something that is switched off are sent on to its successor."""

    NEVER = "never"
    SAFE = "safe"
    ALL = "all"

    __str__ = str.__str__


@dataclass(frozen=True, slots=True)
class Window:
    """A brownout: a half-open span of time; ``start`` is in it, ``end`` is not.

    ``share`` are the callers it is for, ``None`` for all of them, and ``exempt`` names consumers it spares.
    ``status`` is what it answers: 410 or 503.
    """

    start: int
    end: int
    share: Share | None = None
    exempt: frozenset[str] = frozenset()
    status: int = 410

    @property
    def personal(self) -> bool:
        """Whether it is on for some callers and not for others."""
        return self.share is not None or bool(self.exempt)

    def hits(self, consumer: str | None, caller: str, now: int) -> bool:
        """Whether it is on for a caller at an instant within it."""
        if consumer is not None and consumer in self.exempt:
            return False
        return self.share is None or self.share.has(caller, now)


@dataclass(frozen=True, slots=True)
class Grace:
    """A named consumer's later sunset, with who answers for it and why."""

    consumer: str
    until: int
    owner: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A sunset that is put off until ``until`` (ms), by whom and why; ``instead_of`` is when it was to be."""

    until: int
    by: str
    reason: str
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The dates of one version or endpoint. A date that is ``None`` never comes.

    ``held_until``: an unmet gate of ``accept`` lets the sunset take effect only then; callers are told the
    sunset itself all the same. ``method`` is the successor's, where it differs, and ``contact`` is whom
    callers may ask. ``grace_warning`` is how long before its end a grace counts as expiring, in ms. ``hold``:
    an operator has moved the sunset.
    """

    announced: int | None = None
    deprecated: int | None = None
    sunset: int | None = None
    removed: int | None = None
    guide: str | None = None
    contact: str | None = None
    successor: str | None = None
    successor_path: str | None = None
    method: str | None = None
    redirect: Redirect = Redirect.NEVER
    brownouts: tuple[Window, ...] = ()
    grace: Mapping[str, Grace] = field(default_factory=lambda: MappingProxyType({}))
    grace_warning: int = 0
    freeze: Freeze | None = None
    accept: Accept | None = None
    held_until: int | None = None
    hold: Hold | None = None

    @property
    def ends(self) -> bool:
        """Whether anything about this lifecycle is to be told to callers at all."""
        return self.deprecated is not None or self.sunset is not None

    @property
    def enforced(self) -> int | None:
        """The instant from which on the sunset takes effect."""
        return self.sunset if self.held_until is None else self.held_until

    @property
    def written_sunset(self) -> int | None:
        """The sunset without an operator's hold."""
        return self.sunset if self.hold is None else self.hold.instead_of

    @property
    def personal(self) -> bool:
        """Whether callers may get different answers."""
        return bool(self.grace) or self.freeze is not None or any(one.personal for one in self.brownouts)

    def phase(self, now: int) -> Phase:
        """The phase at an instant; a date belongs to the phase that it begins."""
        if self.removed is not None and now >= self.removed:
            return Phase.REMOVED
        sunset = self.sunset if self.held_until is None else self.held_until
        if sunset is not None and now >= sunset:
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
        """The brownout within whose span an instant lies. ``brownouts`` are in order and do not overlap."""
        at = bisect_right(self.brownouts, now, key=_start) - 1
        return self.brownouts[at] if at >= 0 and now < self.brownouts[at].end else None

    def grace_for(self, consumer: str | None, now: int) -> Grace | None:
        """The grace a named consumer has left at an instant."""
        if consumer is None or not self.grace:
            return None
        grace = self.grace.get(consumer)
        return grace if grace is not None and now < grace.until else None

    def expiring(self, grace: Grace, now: int) -> bool:
        """Whether a grace ends soon."""
        return now >= grace.until - self.grace_warning


def _start(window: Window) -> int:
    return window.start


NEVER_ENDS = Lifecycle()
