"""What is declared of a comparison, ready to be followed down a document."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from duskgate.policy.fields import FieldMap, parse_field
from duskgate.policy.shadow import Comparison


class Tolerance(NamedTuple):
    """How far two numbers may lie apart: by so much, or by so large a share of the larger one."""

    by: float = 0.0
    share: float = 0.0

    @classmethod
    def of(cls, text: str) -> Tolerance:
        """As it is written: ``0.01`` or ``1%``."""
        return cls(share=float(text.rstrip("% ")) / 100) if text.endswith("%") else cls(by=float(text))

    def allows(self, old: float, new: float) -> bool:
        """Whether two numbers count as the same. The bound is in, whatever binary fractions make of it."""
        try:
            largest = max(abs(old), abs(new))
            return abs(old - new) <= max(self.by, self.share * largest) + 4 * math.ulp(largest)
        except OverflowError:
            return old == new


class Rules(NamedTuple):
    """What holds for one field and what is below it."""

    ignore: FieldMap[bool]
    unordered: FieldMap[bool]
    tolerance: FieldMap[Tolerance]

    def below(self, name: str | None) -> Rules:
        """What holds for a member, or with ``None`` for an item."""
        ignore, unordered, tolerance = self
        if ignore.empty and unordered.empty and tolerance.empty:
            return self
        return Rules(ignore.below(name), unordered.below(name), tolerance.below(name))


@lru_cache(maxsize=64)
def rules_of(comparison: Comparison) -> Rules:
    """What holds for a whole document."""
    return Rules(
        FieldMap((parse_field(path), True) for path in comparison.ignore),
        FieldMap((parse_field(path), True) for path in comparison.unordered),
        FieldMap((parse_field(path), Tolerance.of(text)) for path, text in comparison.tolerance),
    )
