"""Whom a rollout moves: the same callers every time. The first line that applies decides.

1. The rollout is halted: nobody.
2. The consumer is on the list ``deny``: never.
3. The override header, from somebody who may use it: as it says.
4. The consumer is on the list ``allow``: always.
5. The consumer is in a ring that is open.
6. The flag is on for the caller.
7. The caller's bucket is among the share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from hmac import compare_digest
from typing import NamedTuple

from duskgate.policy.guard import Guard, Stop
from duskgate.policy.request import Request
from duskgate.policy.shares import BUCKETS, Share
from duskgate.policy.sticky import BY_CONSUMER, Sticky

ALWAYS = -(2**63)
"""Before every instant: since when that counts which has no date."""


class Why(str, Enum):
    """What decided whether a caller is moved."""

    HALTED = "halted"
    DENY = "deny"
    OVERRIDE = "override"
    ALLOW = "allow"
    RING = "ring"
    FLAG = "flag"
    PERCENT = "percent"
    UNAVAILABLE = "unavailable"
    NONE = "none"

    __str__ = str.__str__


class Choice(NamedTuple):
    """What a rollout of ``version`` made of a request. ``by`` names the ring or flag that decided.

    UNAVAILABLE: the caller would have been moved, had ``to`` not refused the request.
    """

    version: str
    to: str
    moved: bool
    why: Why
    by: str = ""

    @property
    def label(self) -> str:
        """What chose the version, in words."""
        return f"rollout {self.why} {self.by}" if self.by else f"rollout {self.why}"


@dataclass(frozen=True, slots=True)
class Ring:
    """A named group of consumers, moved together from an instant (ms) on."""

    name: str
    since: int
    consumers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Override:
    """A request header, ``always`` or ``never``, that some may use: consumers, or whoever has the token.

    The token stands behind the word: ``always; token=...``. An empty one is nobody's.
    """

    name: str
    key: bytes
    consumers: frozenset[str] = frozenset()
    token: bytes = field(default=b"", repr=False)

    def read(self, request: Request) -> bool | None:
        """Whether the caller is to be moved; ``None`` if the header is missing, or not good."""
        if self.key not in request.fields:
            return None
        values = request.values(self.key)
        word, _, rest = values[0].partition(b";")
        wanted = _WORDS.get(word.strip().lower())
        if len(values) > 1 or wanted is None:
            return None
        if request.consumer in self.consumers:
            return wanted
        name, _, token = rest.partition(b"=")
        holds = name.strip().lower() == b"token" and compare_digest(token.strip(), self.token)
        return wanted if self.token and holds else None


_WORDS = {b"always": True, b"never": False}


@dataclass(frozen=True, slots=True)
class Rollout:
    """Moving callers of ``version`` to the version ``to``.

    ``promote``: also those who name the version; else only those who get it by default. ``rings`` are in the
    order in which they open, and ``ring_of`` has the first one of each consumer.

    Switched at run time: ``halted`` moves nobody, and after ``paused_at`` (ms) no step of the schedule
    counts: the share and the rings stay what they were then. ``stop`` says who did it and why; ``guard`` when
    it is done without anybody asking.
    """

    version: str
    to: str
    flag: str | None = None
    share: Share | None = None
    by: Sticky = BY_CONSUMER
    rings: tuple[Ring, ...] = ()
    ring_of: Mapping[str, Ring] = field(default_factory=dict)
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    override: Override | None = None
    promote: bool = False
    halted: bool = False
    paused_at: int | None = None
    stop: Stop | None = None
    guard: Guard | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The request headers that it reads, besides those that name the caller."""
        return (*self.by.vary, *((self.override.name,) if self.override is not None else ()))

    def as_of(self, now: int) -> int:
        """The instant whose steps count: now, or when it was paused."""
        return now if self.paused_at is None else min(now, self.paused_at)

    def choose(self, request: Request, flags: Mapping[str, bool], now: int) -> Choice:
        """Whether a request is moved at an instant (ms), and why."""
        moved, why, by = self._chosen(request, flags, now)
        return Choice(self.version, self.to, moved, why, by)

    def _chosen(self, request: Request, flags: Mapping[str, bool], now: int) -> tuple[bool, Why, str]:
        if self.halted:
            return False, Why.HALTED, ""
        consumer = request.consumer
        if consumer is not None and consumer in self.deny:
            return False, Why.DENY, ""
        if self.override is not None:
            wanted = self.override.read(request)
            if wanted is not None:
                return wanted, Why.OVERRIDE, ""
        if consumer is not None:
            if consumer in self.allow:
                return True, Why.ALLOW, ""
            ring = self.ring_of.get(consumer)
            if ring is not None and ring.since <= self.as_of(now):
                return True, Why.RING, ring.name
        if self.flag is not None:
            return bool(flags.get(self.flag)), Why.FLAG, self.flag
        if self.share is not None:
            return self.among(request, now), Why.PERCENT, ""
        return False, Why.NONE, ""

    def among(self, request: Request, now: int) -> bool:
        """Whether the caller is among the share. One with nothing to go by is only if all are."""
        if self.share is None:
            return False
        part = self.share.part(self.as_of(now))
        if part <= 0 or part >= BUCKETS:
            return part > 0
        key = self.by.read(request)
        return key is not None and self.share.bucket(key) < part
