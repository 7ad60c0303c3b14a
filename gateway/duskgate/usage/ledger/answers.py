"""What the ledger's reader answers with. Times are ms since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """What was counted apart in the period of ``length`` ms that begins at ``start``."""

    start: int
    length: int
    api: str
    endpoint: str
    version: str
    consumer: str
    outcome: str
    code: str
    agent: str
    count: int
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class Part:
    """A consumer's use of one endpoint with one outcome."""

    endpoint: str
    outcome: str
    count: int
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class ConsumerUse:
    """A consumer's use of one version; ``parts`` in the order of endpoints and outcomes."""

    count: int
    first_seen: int
    last_seen: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class VersionShare:
    """The requests of one version, and how many of them were answered with which class of statuses."""

    count: int
    codes: dict[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Those answered with 500 to 599, by the backend or by the gateway."""
        return self.codes.get("5xx", 0)


@dataclass(frozen=True, slots=True)
class Called:
    """A consumer's use of one endpoint of one version."""

    api: str
    version: str
    endpoint: str
    count: int
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class Use:
    """A consumer's use of one endpoint of one version, with one outcome."""

    api: str
    version: str
    endpoint: str
    consumer: str
    outcome: str
    count: int
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """The requests of one endpoint of one version in the day (UTC) that begins at ``start``."""

    api: str
    version: str
    endpoint: str
    start: int
    count: int
