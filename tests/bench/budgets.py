"""What the design promises, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.figures import Figures
from tests.bench.grid import COUNTS
from tests.bench.memory import Memory
from tests.bench.shadow import LOADS, Row, added

MAIN = "c32"
MOST_TO = {"envoy": ("Envoy's", 1.0), "caddy": ("Caddy's", 0.6), "tutorial": ("the tutorial's", 1 / 50)}
MOST_FOR_ENDPOINTS = 1.1
MOST_MIB = 48.0
MOST_BY_SHADOW = 1.05


@dataclass(frozen=True)
class Budget:
    """One promise. ``measured`` is None where the run did not measure it."""

    promise: str
    most: float
    measured: float | None
    unit: str

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "met" if self.measured <= self.most else "missed"

    def as_json(self) -> dict[str, Any]:
        measured = None if self.measured is None else round(self.measured, 4)
        return {"promise": self.promise, "most": self.most, "measured": measured, "verdict": self.verdict}


def budgets(figures: Figures, memory: Sequence[Memory], shadow: Sequence[Row] = ()) -> Iterator[Budget]:
    """Every promise in the design's order."""
    full = figures.find(MAIN, "duskgate")
    ratios = figures.ratios(full) if full is not None else {}
    for rival, (title, most) in MOST_TO.items():
        yield Budget(f"CPU by {title}, 32 connections", most, ratios.get(rival), "x")
    yield Budget(f"{COUNTS[-1]:,} endpoints by {COUNTS[0]}", MOST_FOR_ENDPOINTS, endpoint_ratio(figures), "x")
    yield from (memory_budget(memory, transport) for transport in ("native", "httpx"))
    for load in LOADS:
        backend = ", slow backend" if load.slow else ""
        promise = f"time with a shadow, {load.rate:,}/s{backend}"
        yield Budget(promise, MOST_BY_SHADOW, added(shadow, load), "x")


def endpoint_ratio(figures: Figures) -> float | None:
    """What the longest list costs by the shortest, the same number of endpoints asked."""
    longest = figures.find("endpoints", f"endpoints-{COUNTS[-1]}")
    shortest = figures.find("endpoints", f"endpoints-{COUNTS[0]}")
    return longest.ratio(shortest) if longest is not None and shortest is not None else None


def memory_budget(memory: Sequence[Memory], transport: str) -> Budget:
    """The worst case of a transport."""
    added = [one.added_mib for one in memory if one.transport == transport]
    promise = f"memory added at most, {transport} transport"
    return Budget(promise, MOST_MIB, max(added, default=None), "MiB")
