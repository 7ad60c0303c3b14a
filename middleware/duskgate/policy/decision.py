"""The closed set of things that can happen to one request.

Immutable records: named tuples, since one is made for every request and they cost a third of what frozen
dataclasses do. ``rollout`` is what a rollout made of the request, where one looked at it.
"""

from __future__ import annotations

from typing import NamedTuple

from duskgate.policy.lifecycle import Phase, Window
from duskgate.policy.marks import Marks
from duskgate.policy.plan import Rule
from duskgate.policy.request import Request
from duskgate.policy.rollout import Choice


class Forward(NamedTuple):
    """Send the request to the rule's backend. ``target`` is the raw path and query to ask it for.

    ``in_grace``: only the caller's grace lets it pass, and ``expiring``: not for long any more. ``newcomer``:
    a freeze that only observes would have refused it. ``renamed`` is the request as it goes to the backend,
    where a rollout moved a caller who named another version.
    """

    rule: Rule
    phase: Phase
    marks: Marks
    target: bytes
    successor: bytes | None
    chosen_by: str
    in_grace: bool = False
    expiring: bool = False
    newcomer: bool = False
    rollout: Choice | None = None
    renamed: Request | None = None


class Gone(NamedTuple):
    """The sunset has come: 410. ``max_age`` is how long the answer may be cached, in seconds."""

    rule: Rule
    marks: Marks
    successor: bytes | None
    chosen_by: str
    max_age: int
    rollout: Choice | None = None


class Moved(NamedTuple):
    """The sunset has come, and the caller is sent on: 308 to ``successor``."""

    rule: Rule
    marks: Marks
    successor: bytes
    chosen_by: str
    max_age: int
    rollout: Choice | None = None


class Frozen(NamedTuple):
    """The version takes no new consumers any more: 403."""

    rule: Rule
    phase: Phase
    marks: Marks
    successor: bytes | None
    chosen_by: str
    rollout: Choice | None = None


class Brownout(NamedTuple):
    """The sunset is being rehearsed: the window's status until it ends."""

    rule: Rule
    phase: Phase
    marks: Marks
    successor: bytes | None
    chosen_by: str
    window: Window
    rollout: Choice | None = None


class Removed(NamedTuple):
    """The version or endpoint is past its removal: 404."""

    rule: Rule
    marks: Marks
    successor: bytes | None
    chosen_by: str
    rollout: Choice | None = None


class NotFound(NamedTuple):
    """No api is at this path: 404."""


class UnknownVersion(NamedTuple):
    """The request names a version that the api does not have, or names none where it must."""

    api: str
    source: str
    text: str | None
    known: tuple[str, ...]
    status: int


class VersionConflict(NamedTuple):
    """Two signals name different versions: 400. Each is (where it stood, what it said)."""

    api: str
    first: tuple[str, str]
    second: tuple[str, str]


class BadRequest(NamedTuple):
    """The request cannot be read safely: 400."""

    reason: str


Ruled = Forward | Gone | Moved | Frozen | Brownout | Removed
"""Decisions made under a rule: the api, version and endpoint are known."""

Decision = Ruled | NotFound | UnknownVersion | VersionConflict | BadRequest
