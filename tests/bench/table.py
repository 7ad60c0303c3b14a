"""Figures as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.bench.budgets import Budget
from tests.bench.figures import RIVALS, Figure, Figures
from tests.bench.grid import TITLES
from tests.bench.memory import Memory
from tests.bench.shadow import WORDS, Row

LEFT = 40


def columns(first: str, *others: str) -> str:
    """A line: the first column to the left, the others to the right."""
    return (first.ljust(LEFT) + "".join(other.rjust(15) for other in others)).rstrip()


def cpu(figures: Figures) -> Iterator[str]:
    """One table for each load: the median, all rounds' range, and the ratios to the rivals."""
    for name, title in TITLES.items():
        rows = figures.section(name)
        if not rows:
            continue
        endpoints = name == "endpoints"
        heads = ["by the first"] if endpoints else [f"by {rival}" for rival in RIVALS]
        yield columns(title, "µs a request", "rounds", *heads)
        for row in rows:
            ratios = [f"{row.ratio(rows[0]):.2f}x"] if endpoints else rival_ratios(figures, row)
            low, high = row.spread
            yield columns(row.title, f"{row.micros:.1f}", f"{low:.1f}-{high:.1f}", *ratios) + flaws(row)
        yield ""


def noise(figures: Figures) -> Iterator[str]:
    """How much the machine did besides, where the proxies ran."""
    shares = [sample.others for figure in figures.all.values() for sample in figure.samples]
    if shares:
        most, middle = max(shares), median(shares)
        yield f"Other work on the proxies' core: {middle:.0%} in the median, {most:.0%} at most"
        yield ""


def rival_ratios(figures: Figures, row: Figure) -> list[str]:
    """The ratios in the order of the columns; a dash where the rival was not measured."""
    ratios = figures.ratios(row)
    return [short(ratios[rival]) if rival in ratios else "-" for rival in RIVALS]


def short(ratio: float) -> str:
    """Three digits that matter."""
    return f"{ratio:.2f}x" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"


def flaws(row: Figure) -> str:
    """Failed requests, if there were any."""
    return f"   {row.errors} failed" if row.errors else ""


def memory(figures: Sequence[Memory]) -> Iterator[str]:
    """The memory table."""
    if not figures:
        return
    yield columns("Memory of Duskgate", "transport", "MiB before", "MiB added")
    for one in figures:
        yield columns(one.case, one.transport, f"{one.before / 2**20:.0f}", f"{one.added_mib:.1f}")
    yield ""


def shadow(rows: Sequence[Row]) -> Iterator[str]:
    """What a shadow adds: medians over the rounds, and by the first row's of the same round."""
    for load in dict.fromkeys(row.load for row in rows):
        mine = [row for row in rows if row.load == load]
        yield f"A shadow, µs: {load.title}"
        yield columns("", *WORDS.values())
        for row in mine:
            values = (f"{row.value(word):.0f} {row.ratio(mine[0], word):.2f}x" for word in WORDS)
            yield columns(row.title, *values)
        yield ""


def budgets(all_budgets: Sequence[Budget]) -> Iterator[str]:
    """The promises and whether they were kept."""
    yield columns("Budget", "at most", "measured", "")
    for one in all_budgets:
        measured = "-" if one.measured is None else number(one.measured, one.unit)
        yield columns(one.promise, number(one.most, one.unit), measured, one.verdict)


def number(value: float, unit: str) -> str:
    return short(value) if unit == "x" else f"{value:.1f} {unit}"
