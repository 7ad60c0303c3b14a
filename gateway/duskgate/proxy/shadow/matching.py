"""Which item of one list is which item of another, where their order says nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from itertools import product
from typing import Any, NamedTuple, Protocol

from duskgate.proxy.shadow.content import Incomparable
from duskgate.proxy.shadow.rules import Rules

MOST_TRIED = 400
"""Pairs of items that are tried for likeness; of more, the first is taken for the first."""
UNLIKE = 10
"""Differences after which two items are no more alike than any others."""


class Effort:
    """How much may still be looked at."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most

    def spend(self, number: int) -> None:
        """Raises Incomparable when it is used up."""
        self.left -= number
        if self.left < 0:
            raise Incomparable("too-complex")


class Counting(Protocol):
    """Counts the differences between two values, up to ``most``."""

    def __call__(self, old: Any, new: Any, rules: Rules, effort: Effort, most: int) -> int: ...


class Matched(NamedTuple):
    """What is left of two lists without the items that both have: what may belong together, and the rest."""

    pairs: list[tuple[Any, Any]]
    missing: list[Any]
    added: list[Any]


def match(old: list[Any], new: list[Any], rules: Rules, effort: Effort, count: Counting) -> Matched:
    """Match two lists so that as few items as possible are left. ``rules`` are those of their items."""
    matching = _Matching(old, new, rules, effort, count)
    matching.identical()
    if not rules.tolerance.empty:
        matching.within_tolerance()
    return matching.rest()


class _Matching:
    def __init__(self, old: list[Any], new: list[Any], rules: Rules, effort: Effort, count: Counting) -> None:
        self._old, self._new = old, new
        self._rules, self._effort, self._count = rules, effort, count
        self._partner: dict[int, int] = {}
        self._tried: dict[tuple[int, int], bool] = {}

    def identical(self) -> None:
        """Pair the items that are alike without any tolerance, by hash."""
        places: dict[Hashable, list[int]] = defaultdict(list)
        for index in reversed(range(len(self._old))):
            places[shape(self._old[index], self._rules, self._effort)].append(index)
        for index, item in enumerate(self._new):
            found = places.get(shape(item, self._rules, self._effort))
            if found:
                self._partner[index] = found.pop()

    def within_tolerance(self) -> None:
        """Pair more of them, changing pairs where that helps: augmenting paths of a bipartite matching."""
        for index in self._left_old():
            self._place(index, set())

    def _place(self, index: int, seen: set[int]) -> bool:
        for other in range(len(self._new)):
            if other in seen or not self._same(index, other):
                continue
            seen.add(other)
            holder = self._partner.get(other)
            if holder is None or self._place(holder, seen):
                self._partner[other] = index
                return True
        return False

    def _same(self, index: int, other: int) -> bool:
        key = (index, other)
        if key not in self._tried:
            self._tried[key] = not self._differences(index, other, 1)
        return self._tried[key]

    def _differences(self, index: int, other: int, most: int) -> int:
        return self._count(self._old[index], self._new[other], self._rules, self._effort, most)

    def _left_old(self) -> list[int]:
        held = set(self._partner.values())
        return [index for index in range(len(self._old)) if index not in held]

    def rest(self) -> Matched:
        """What is left, the likeliest pairs first."""
        old = self._left_old()
        new = [index for index in range(len(self._new)) if index not in self._partner]
        chosen = (
            self._likeliest(old, new)
            if len(old) * len(new) <= MOST_TRIED
            else dict(zip(old, new, strict=False))
        )
        return Matched(
            [(self._old[one], self._new[other]) for one, other in chosen.items()],
            [self._old[one] for one in old if one not in chosen],
            [self._new[other] for other in new if other not in set(chosen.values())],
        )

    def _likeliest(self, old: list[int], new: list[int]) -> dict[int, int]:
        tried = sorted(
            (self._differences(one, other, UNLIKE), one, other) for one, other in product(old, new)
        )
        chosen: dict[int, int] = {}
        taken: set[int] = set()
        for _, one, other in tried:
            if one not in chosen and other not in taken:
                chosen[one] = other
                taken.add(other)
        return chosen


def shape(value: Any, rules: Rules, effort: Effort) -> Hashable:
    """Something that is the same for values that are alike by the rules but for tolerances."""
    effort.spend(1)
    if rules.ignore.value:
        return None
    if isinstance(value, dict):
        return frozenset(
            (name, shape(one, below, effort))
            for name, one in value.items()
            if not (below := rules.below(name)).ignore.value
        )
    if isinstance(value, list):
        below = rules.below(None)
        items = [shape(one, below, effort) for one in value] if not below.ignore.value else []
        return ("unordered", frozenset(Counter(items).items())) if rules.unordered.value else ("list", *items)
    return (type(value), value) if isinstance(value, bool) or value is None else value
