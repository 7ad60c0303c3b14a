"""What every form of the feed is made of, and holds until the next instant at which something changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin
from uuid import NAMESPACE_URL, UUID, uuid5

from duskgate.config.models import Feed as Settings
from duskgate.feed.endings import Ending, Told, endings
from duskgate.feed.memory import Memory, advanced, forgetful, next_change, updated
from duskgate.policy.plan import Plan
from duskgate.policy.timeline import events


@dataclass(frozen=True)
class Edition:
    """The feed as it is from ``since`` on and before ``until`` (ms; ``None``: until something is edited).

    ``spared`` are the endpoints (api, version, path) of which nothing is told, whatever is of their version.
    ``personal``: callers can be told apart.
    """

    settings: Settings
    told: tuple[Told, ...]
    memory: Memory
    since: int
    until: int | None
    spared: frozenset[tuple[str, str, str]]
    personal: bool

    @classmethod
    def of(cls, settings: Settings, plan: Plan, memory: Memory | None, now: int) -> Edition:
        """The edition of an instant. ``memory`` is what is kept, ``None`` where nothing is."""
        told = tuple(endings(plan, now))
        ends = [one.ending for one in told]
        known = forgetful(ends) if memory is None else advanced(memory, ends, now)
        changes = [event.at for event in events(plan, since=now + 1)]
        forgets = next_change(known, now)
        until = min([*changes, *([] if forgets is None else [forgets])], default=None)
        spared = frozenset(_spared(plan, now))
        return cls(settings, told, known, now, until, spared, personal=bool(plan.identity.callers))

    def holds(self, now: int) -> bool:
        """Whether it is the edition of an instant."""
        return self.since <= now and (self.until is None or now < self.until)

    @property
    def endings(self) -> tuple[Ending, ...]:
        """What ends."""
        return tuple(told.ending for told in self.told)

    @property
    def updated(self) -> int:
        """When anything changed last (ms); 0 if nobody knows."""
        return max([self.memory.changed or 0, *map(self.updated_of, self.endings)])

    def updated_of(self, ending: Ending) -> int:
        """When what is said of an ending changed last."""
        return updated(self.memory, ending, self.since)

    def absolute(self, reference: str) -> str:
        """A URL reference as a URL, where it is known how callers reach the gateway."""
        return urljoin(self.settings.url or "", reference)

    def here(self, suffix: str) -> str:
        """Where a form of the feed is."""
        return self.absolute(self.settings.path + suffix)

    def id(self, key: str) -> UUID:
        """What stands for one thing for good (RFC 9562 section 5.5), and for no other gateway's."""
        return uuid5(uuid5(NAMESPACE_URL, self.settings.url or "urn:duskgate:feed"), key)


def _spared(plan: Plan, now: int) -> Iterator[tuple[str, str, str]]:
    for api in plan.apis.values():
        for endpoint in api.endpoints.values() if api.endpoints is not None else ():
            for rule in endpoint.values():
                if not rule.lifecycle.told(now):
                    yield rule.api, rule.version, rule.endpoint
