"""What differs between two answers: status, chosen headers, and JSON field by field.

Pure. Fields are named by their paths, items of lists without their numbers; what is not JSON counts as one
field. The effort is bounded: a comparison that would take too long is given up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Any, NamedTuple

from duskgate.policy.fields import Trail, written
from duskgate.policy.shadow import Comparison
from duskgate.proxy.shadow.content import Answer, Document, Incomparable, document, plain
from duskgate.proxy.shadow.matching import Effort, match
from duskgate.proxy.shadow.rules import Rules, rules_of

MOST_VISITS = 300_000
"""Values that are looked at for one comparison, those looked at again counted again."""
MOST_FOUND = 100
"""Different fields that are told of one comparison."""
LONGEST_VALUE = 120
"""Characters of an example."""

STATUS, BODY = "status", "body"


class Kind(str, Enum):
    """In what way a field differs: of the second answer, seen from the first."""

    CHANGED = "changed"
    TYPE = "type"
    MISSING = "missing"
    ADDED = "added"

    __str__ = str.__str__


class Difference(NamedTuple):
    """One field that differs. ``old`` and ``new`` are an example, if that is wanted."""

    field: str
    kind: Kind
    old: str | None = None
    new: str | None = None


def compare(old: Answer, new: Answer, comparison: Comparison, limit: int) -> tuple[Difference, ...]:
    """Every field that differs, at most ``MOST_FOUND``, each with each kind once.

    Where the status differs nothing else is compared. ``limit`` bounds the bodies, in bytes. Raises
    Incomparable.
    """
    walk = _Walk(comparison.values)
    if old.status != new.status:
        walk.note(STATUS, Kind.CHANGED, old.status, new.status)
        return tuple(walk.found.values())
    walk.headers(old.headers, new.headers, comparison.headers)
    try:
        walk.bodies(old, new, rules_of(comparison), limit)
    except RecursionError:
        raise Incomparable("too-complex") from None
    return tuple(walk.found.values())


def count(old: Any, new: Any, rules: Rules, effort: Effort, most: int) -> int:
    """The number of differences between two JSON values, up to ``most``."""
    return sum(1 for _ in islice(_different(old, new, rules, None, effort), most))


_Found = tuple[Trail | None, Kind, Any, Any]


def _different(old: Any, new: Any, rules: Rules, at: Trail | None, effort: Effort) -> Iterator[_Found]:
    """The differences between two JSON values, one after the other."""
    waiting: list[tuple[Any, Any, Rules, Trail | None]] = [(old, new, rules, at)]
    while waiting:
        old, new, rules, at = waiting.pop()
        effort.spend(1)
        if rules.ignore.value:
            continue
        kind = _kind_of(old)
        if kind is not _kind_of(new):
            yield at, Kind.TYPE, old, new
        elif kind is dict:
            yield from _members(old, new, rules, at, waiting)
        elif kind is list:
            yield from _items(old, new, rules, at, waiting, effort)
        elif old != new and not (kind is float and _close(old, new, rules)):
            yield at, Kind.CHANGED, old, new


def _kind_of(value: Any) -> type:
    """The JSON type; all numbers are one, and ``true`` is none of them."""
    return float if type(value) is int else type(value)


def _close(old: float, new: float, rules: Rules) -> bool:
    tolerance = rules.tolerance.value
    return tolerance is not None and tolerance.allows(old, new)


_Waiting = list[tuple[Any, Any, Rules, "Trail | None"]]


def _members(
    old: dict[str, Any], new: dict[str, Any], rules: Rules, at: Trail | None, waiting: _Waiting
) -> Iterator[_Found]:
    for name, value in old.items():
        below = rules.below(name)
        if name in new:
            waiting.append((value, new[name], below, (at, name)))
        elif not below.ignore.value:
            yield (at, name), Kind.MISSING, value, None
    for name in new.keys() - old.keys():
        if not rules.below(name).ignore.value:
            yield (at, name), Kind.ADDED, None, new[name]


def _items(
    old: list[Any], new: list[Any], rules: Rules, at: Trail | None, waiting: _Waiting, effort: Effort
) -> Iterator[_Found]:
    below = rules.below(None)
    if below.ignore.value:
        return
    if rules.unordered.value:
        both, missing, added = match(old, new, below, effort, count)
    else:
        length = min(len(old), len(new))
        both, missing, added = list(zip(old[:length], new[:length], strict=True)), old[length:], new[length:]
    place = (at, None)
    waiting.extend((one, other, below, place) for one, other in both)
    for value in missing[:1]:
        yield place, Kind.MISSING, value, None
    for value in added[:1]:
        yield place, Kind.ADDED, None, value


class _Walk:
    """Collects what differs between two answers."""

    def __init__(self, values: bool) -> None:
        self._values = values
        self.found: dict[tuple[str, Kind], Difference] = {}

    def note(self, field: str, kind: Kind, old: Any, new: Any) -> None:
        if (field, kind) not in self.found and len(self.found) < MOST_FOUND:
            example = (_shown(old, kind, Kind.ADDED), _shown(new, kind, Kind.MISSING)) if self._values else ()
            self.found[field, kind] = Difference(field, kind, *example)

    def headers(self, old: Mapping[str, str], new: Mapping[str, str], names: Sequence[str]) -> None:
        for name in names:
            before, after = old.get(name), new.get(name)
            if before != after:
                kind = Kind.MISSING if after is None else Kind.ADDED if before is None else Kind.CHANGED
                self.note(f"header {name}", kind, before, after)

    def bodies(self, old: Answer, new: Answer, rules: Rules, limit: int) -> None:
        before, after = plain(old, limit), plain(new, limit)
        if before == after or rules.ignore.value:
            return
        first, second = document(old, before), document(new, after)
        if not (first.json and second.json):
            self._opaque(first, second, before, after)
            return
        for trail, kind, was, now in _different(first.value, second.value, rules, None, Effort(MOST_VISITS)):
            self.note(written(trail), kind, was, now)
            if len(self.found) >= MOST_FOUND:
                return

    def _opaque(self, first: Document, second: Document, before: bytes, after: bytes) -> None:
        """Bodies that are not JSON, or only one of them is."""
        if first.json is not second.json:
            self.note(BODY, Kind.TYPE, *("JSON" if one.json else "not JSON" for one in (first, second)))
        else:
            self.note(BODY, Kind.CHANGED, f"{len(before)} bytes", f"{len(after)} bytes")


def _shown(value: Any, kind: Kind, absent: Kind) -> str | None:
    """A value as an example; ``None`` where there is none."""
    if kind is absent:
        return None
    text = json.dumps(value, ensure_ascii=False)[:LONGEST_VALUE]
    return text.encode("utf-8", "replace").decode()  # JSON may hold halves of surrogate pairs
