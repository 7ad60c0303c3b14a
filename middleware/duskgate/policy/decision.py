"""The closed set of things that can happen to one request."""

from __future__ import annotations

from dataclasses import dataclass

from duskgate.policy.lifecycle import Phase, Window
from duskgate.policy.marks import Marks
from duskgate.policy.plan import Rule


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the request to the rule's backend. ``target`` is the raw path and query to ask it for."""

    rule: Rule
    phase: Phase
    marks: Marks
    target: bytes
    successor: bytes | None
    chosen_by: str
    in_grace: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The sunset has come: 410. ``max_age`` is how long the answer may be cached, in seconds."""

    rule: Rule
    marks: Marks
    successor: bytes | None
    chosen_by: str
    max_age: int


@dataclass(frozen=True, slots=True)
class Brownout:
    """The sunset is being rehearsed: 410 until the window ends."""

    rule: Rule
    phase: Phase
    marks: Marks
    successor: bytes | None
    chosen_by: str
    window: Window


@dataclass(frozen=True, slots=True)
class Removed:
    """The version or endpoint is past its removal: 404."""

    rule: Rule
    marks: Marks
    successor: bytes | None
    chosen_by: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """No api is at this path: 404."""


@dataclass(frozen=True, slots=True)
class UnknownVersion:
    """The request names a version that the api does not have, or names none where it must."""

    api: str
    source: str
    text: str | None
    known: tuple[str, ...]
    status: int


@dataclass(frozen=True, slots=True)
class VersionConflict:
    """Two signals name different versions: 400. Each is (where it stood, what it said)."""

    api: str
    first: tuple[str, str]
    second: tuple[str, str]


@dataclass(frozen=True, slots=True)
class BadRequest:
    """The request cannot be read safely: 400."""

    reason: str


Ruled = Forward | Gone | Brownout | Removed
"""Decisions made under a rule: the api, version and endpoint are known."""

Decision = Ruled | NotFound | UnknownVersion | VersionConflict | BadRequest
