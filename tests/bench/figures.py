"""From samples to medians and ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.sample import Sample

RIVALS = ("envoy", "caddy", "tutorial")
"""Whom every row is compared with."""


@dataclass
class Figure:
    """One cell over all rounds."""

    section: str
    name: str
    title: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def micros(self) -> float:
        """The median CPU time a request, in microseconds."""
        return median(sample.micros for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest round."""
        values = [sample.micros for sample in self.samples]
        return min(values), max(values)

    @property
    def errors(self) -> int:
        return sum(sample.errors for sample in self.samples)

    @property
    def others(self) -> float:
        """The largest share that something else had of the work of the proxy's core."""
        return max(sample.others for sample in self.samples)

    def ratio(self, other: Figure) -> float:
        """The median, over rounds, of this one's CPU time by the other's in the same round."""
        pairs = zip(self.samples, other.samples, strict=True)
        return median(mine.micros / theirs.micros for mine, theirs in pairs)


class Figures:
    """Every cell, by section and row title, in the order of the first round."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], Figure] = {}

    def add(self, section: str, name: str, title: str, sample: Sample) -> None:
        self.all.setdefault((section, title), Figure(section, name, title)).samples.append(sample)

    def section(self, name: str) -> list[Figure]:
        return [figure for figure in self.all.values() if figure.section == name]

    def find(self, section: str, name: str) -> Figure | None:
        """The section's first row of this proxy."""
        return next((one for one in self.section(section) if one.name == name), None)

    def ratios(self, figure: Figure) -> Mapping[str, float]:
        """The ratios to those rivals that were measured under the same load."""
        found = ((rival, self.find(figure.section, rival)) for rival in RIVALS)
        return {rival: figure.ratio(other) for rival, other in found if other is not None}

    def as_json(self) -> Sequence[Mapping[str, Any]]:
        return [
            {
                "section": one.section,
                "row": one.name,
                "title": one.title,
                "microseconds": round(one.micros, 2),
                "ratios": {name: round(value, 4) for name, value in self.ratios(one).items()},
                "rounds": [
                    {
                        "microseconds": round(sample.micros, 2),
                        "requests": sample.requests,
                        "cpu_seconds": round(sample.cpu_seconds, 2),
                        "errors": sample.errors,
                        "others": round(sample.others, 4),
                    }
                    for sample in one.samples
                ],
            }
            for one in self.all.values()
        ]
