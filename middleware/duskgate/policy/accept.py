"""Acceptance gates: what must be so before a sunset takes effect, and what happens if it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Unmet(str, Enum):
    """What an unmet gate does at the sunset."""

    HOLD = "hold"
    WARN = "warn"

    __str__ = str.__str__


class Unknown(str, Enum):
    """What a gate that cannot be judged counts as at the sunset."""

    HOLD = "hold"
    ENFORCE = "enforce"

    __str__ = str.__str__


class Verdict(str, Enum):
    """How a gate was judged."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"

    __str__ = str.__str__


@dataclass(frozen=True, slots=True)
class OldShare:
    """The version's part of the api's requests over the last ``over`` ms is below ``below`` (0 to 1)."""

    below: float
    over: int


@dataclass(frozen=True, slots=True)
class CriticalUnseen:
    """No critical consumer called the version in the last ``over`` ms."""

    over: int


@dataclass(frozen=True, slots=True)
class SuccessorErrors:
    """The successor's part of 5xx answers over the last ``over`` ms is at most the version's own plus
    ``tolerance`` (0 to 1)."""

    over: int
    tolerance: float


@dataclass(frozen=True, slots=True)
class ContactsNotified:
    """Everybody known who still calls the version has been told, by an operator's record."""

    over: int


Condition = OldShare | CriticalUnseen | SuccessorErrors | ContactsNotified


@dataclass(frozen=True, slots=True)
class Accept:
    """The gate before a sunset. ``hold_at_most`` bounds how long it holds enforcement, in ms."""

    conditions: tuple[Condition, ...]
    unmet: Unmet
    hold_at_most: int
    on_unknown: Unknown

    def holds(self, verdict: Verdict | None) -> bool:
        """Whether the sunset waits. ``None``: not judged yet."""
        if self.unmet is Unmet.WARN or verdict is Verdict.MET:
            return False
        return verdict is Verdict.UNMET or self.on_unknown is Unknown.HOLD
