"""Bounded variant labels: a provider of flags far away may name a variant as it likes."""

from __future__ import annotations

from duskgate.usage.consumers import OTHER
from duskgate.usage.shared_names import SharedNames

MOST_VARIANTS = 50


class VariantLabels:
    """Gives the variants of a flag their labels: the first ``MOST_VARIANTS``, then it is "other"."""

    def __init__(self, names: SharedNames) -> None:
        self._names = names
        self._given: dict[str, set[str]] = {}

    def label(self, flag: str, variant: str) -> str:
        """The label for one more evaluation."""
        given = self._given.get(flag)
        if given is None:
            given = self._given[flag] = self._names.known(f"variant {flag}")
        if variant in given or self._names.take(f"variant {flag}", variant, MOST_VARIANTS):
            return variant
        return OTHER
