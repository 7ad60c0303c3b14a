"""The drawing of ``duskgate plan --svg``: a row for each version or endpoint, its phases as bars over time.

The same input always gives the same text. Whatever the names are, it is well-formed, and its size is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from duskgate.cli.time_grid import grid
from duskgate.policy.instants import rfc3339
from duskgate.policy.lifecycle import Lifecycle, Phase, Window

MOST_ROWS = 60
LONGEST_LABEL, LONGEST_TITLE = 44, 400
"""Characters."""

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _BAR, _BOTTOM = 1200, 310, 24, 64, 26, 14, 54
_NAMED = 64
"""The shortest bar, in pixels, that has its phase's name in it."""

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px } .on { fill: #1f2328; font-size: 10px } .head { font-size: 15px; font-weight: 600 }
.ground { fill: #ffffff } .line { stroke: #d1d9e0 } .now { stroke: #0969da; stroke-width: 2 }
.bar { stroke: #57606a; stroke-width: .75 }
.active { fill: #7ee2a8 } .deprecated { fill: #f5d565 } .sunset { fill: #ff9c94 } .removed { fill: #b9c0c8 }
.brownout { fill: #8250df } .grace { fill: #bc4c00 } .told { fill: #1f2328 }
.rollout { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .ground { fill: #0d1117 } .line { stroke: #30363d } .now { stroke: #58a6ff }
.brownout { fill: #8957e5 } .grace { fill: #f0883e } .told { fill: #e6edf3 } .on { fill: #1f2328 }
.rollout { fill: #58a6ff }
}
"""
_LEGEND = (*(phase.value for phase in Phase), "brownout", "grace", "told", "rollout")
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


class Row(NamedTuple):
    """A version or endpoint, its dates, and the instants (ms) of its rollout's steps."""

    label: str
    lifecycle: Lifecycle
    steps: tuple[int, ...] = ()


class View(NamedTuple):
    """What is drawn: from ``start`` to ``end``, with a line at ``now``. In ms."""

    start: int
    end: int
    now: int

    def x(self, instant: int) -> float:
        """Where an instant stands; those outside stand at the edge."""
        part = (min(max(instant, self.start), self.end) - self.start) / (self.end - self.start)
        return _LEFT + part * (_WIDTH - _LEFT - _RIGHT)

    def shows(self, instant: int | None) -> bool:
        """Whether an instant is inside."""
        return instant is not None and self.start <= instant <= self.end


def drawing(rows: Sequence[Row], view: View) -> str:
    """The SVG of the first ``MOST_ROWS`` rows; a note says how many were left out."""
    shown, left_out = rows[:MOST_ROWS], max(len(rows) - MOST_ROWS, 0)
    foot = _TOP + max(len(shown), 1) * _ROW
    height = foot + _BOTTOM + (18 if left_out else 0)
    head = f"{_counted(len(rows))} from {rfc3339(view.start)} to {rfc3339(view.end)}"
    root = _root(height, head, view)
    _text(root, 16, 26, "Lifecycle plan", "head")
    _text(root, _LEFT, 26, head, "small")
    _grid(root, view, foot)
    if not shown:
        _text(root, 16, _TOP + 18, "no change")
    for index, row in enumerate(shown):
        _row(root, row, view, _TOP + index * _ROW)
    _now(root, view, foot)
    _legend(root, foot + 36)
    if left_out:
        _text(root, 16, foot + 60, f"{left_out} more left out, those whose changes come last", "small")
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _counted(number: int) -> str:
    return "1 version or endpoint" if number == 1 else f"{number} versions and endpoints"


def _root(height: int, head: str, view: View) -> Element:
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {height}",
            "width": str(_WIDTH),
            "height": str(height),
            "role": "img",
            "aria-labelledby": "duskgate-plan-title duskgate-plan-desc",
        },
    )
    SubElement(root, "title", {"id": "duskgate-plan-title"}).text = "Lifecycle plan"
    about = f"Phases, brownouts and graces of {head}. Now is {rfc3339(view.now)}."
    SubElement(root, "desc", {"id": "duskgate-plan-desc"}).text = about
    SubElement(root, "style").text = _STYLE
    _rect(root, 0, 0, _WIDTH, height, "ground")
    return root


def _grid(root: Element, view: View, foot: int) -> None:
    for instant, label in grid(view.start, view.end):
        _line(root, view.x(instant), _TOP - 10, foot, "line")
        _text(root, view.x(instant), _TOP - 16, label, "small", middle=True)


def _now(root: Element, view: View, foot: int) -> None:
    if view.shows(view.now):
        _line(root, view.x(view.now), _TOP - 10, foot + 4, "now")
        _text(root, view.x(view.now), foot + 15, "now", "small", middle=True)


def _row(root: Element, row: Row, view: View, top: int) -> None:
    dates = row.lifecycle
    group = SubElement(root, "g")
    SubElement(group, "title").text = clean(f"{row.label}: {'; '.join(_told(row))}", LONGEST_TITLE)
    _text(group, 16, top + 17, clean(row.label, LONGEST_LABEL))
    bar = top + (_ROW - _BAR) // 2
    for phase, start, end in segments(dates, view):
        x = view.x(start)
        wide = view.x(end) - x
        _rect(group, x, bar, wide, _BAR, f"bar {phase.value}")
        if wide >= _NAMED:
            _text(group, x + 5, bar + 10.5, phase.value, "on")
    ends = [grace.until for grace in dates.grace.values()]
    if dates.sunset is not None and ends and max(ends) > view.start and dates.sunset < view.end:
        x = view.x(dates.sunset)
        _rect(group, x, bar + _BAR + 1, view.x(max(ends)) - x, 3, "grace")
    ticks = _ticks(dates.brownouts, view, bar - 3, _BAR + 6)
    if ticks:
        SubElement(group, "path", {"class": "brownout", "d": ticks})
    if dates.ends and dates.tells_from is not None and view.shows(dates.tells_from):
        x = view.x(dates.tells_from)
        triangle = f"M{x - 4:.1f} {bar - 5}h8l-4 6z"
        SubElement(group, "path", {"class": "told", "d": triangle})
    points = sorted({round(view.x(at), 1) for at in row.steps if view.shows(at)})
    if points:
        foot = bar + _BAR + 6
        marks = "".join(f"M{x - 4:.1f} {foot}h8l-4 -6z" for x in points)
        SubElement(group, "path", {"class": "rollout", "d": marks})


def segments(dates: Lifecycle, view: View) -> Iterator[tuple[Phase, int, int]]:
    """The phases within the view, each with its start and end there."""
    changes = (dates.deprecated, dates.enforced, dates.removed)
    inside = {at for at in changes if at is not None and view.start < at < view.end}
    for start, end in pairwise([view.start, *sorted(inside), view.end]):
        yield dates.phase(start), start, end


def _ticks(windows: Sequence[Window], view: View, top: float, height: int) -> str:
    """A tick for each brownout, at least two pixels wide; one that touches the last one makes it longer."""
    spans: list[tuple[float, float]] = []
    for window in windows:
        if window.end <= view.start or window.start >= view.end:
            continue
        left = view.x(window.start)
        right = max(view.x(window.end), left + 2)
        if spans and left < spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(right, spans[-1][1])
        else:
            spans.append((left, right))
    return "".join(f"M{left:.1f} {top}h{right - left:.1f}v{height}H{left:.1f}z" for left, right in spans)


def _told(row: Row) -> Iterator[str]:
    dates = row.lifecycle
    named = ("announced", dates.announced), ("deprecated", dates.deprecated), ("sunset", dates.sunset)
    for name, at in (*named, ("held until", dates.held_until), ("removed", dates.removed)):
        if at is not None:
            yield f"{name} {rfc3339(at)}"
    if dates.brownouts:
        yield f"brownouts {len(dates.brownouts)}, the first {rfc3339(dates.brownouts[0].start)}"
    for grace in dates.grace.values():
        yield f"grace of {grace.consumer} until {rfc3339(grace.until)}"
    if row.steps:
        yield f"steps of the rollout {len(row.steps)}, the first {rfc3339(row.steps[0])}"


def _legend(root: Element, y: int) -> None:
    for index, name in enumerate(_LEGEND):
        x = _LEFT + index * 108
        if name == "told":
            SubElement(root, "path", {"class": "told", "d": f"M{x + 3} {y - 4}h8l-4 6z"})
        elif name == "rollout":
            SubElement(root, "path", {"class": "rollout", "d": f"M{x + 3} {y + 1}h8l-4 -6z"})
        else:
            bar = f"bar {name}" if name in Phase.__members__.values() else name
            _rect(root, x, y - 8, 14, 10, bar)
        _text(root, x + 19, y + 1, "callers are told" if name == "told" else name, "small")


def clean(text: str, most: int) -> str:
    """A text that XML can hold, in one line, of so many characters at most."""
    text = " ".join(_NOT_XML.sub("\ufffd", text[: 4 * most]).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(parent: Element, x: float, y: float, text: str, kind: str = "", *, middle: bool = False) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:g}"}
    if kind:
        attributes["class"] = kind
    if middle:
        attributes["text-anchor"] = "middle"
    SubElement(parent, "text", attributes).text = text


def _rect(parent: Element, x: float, y: float, width: float, height: float, kind: str) -> None:
    size = {"x": f"{x:.1f}", "y": f"{y:g}", "width": f"{max(width, 0):.1f}", "height": f"{height:g}"}
    SubElement(parent, "rect", {**size, "class": kind})


def _line(parent: Element, x: float, top: float, bottom: float, kind: str) -> None:
    ends = {"x1": f"{x:.1f}", "x2": f"{x:.1f}", "y1": f"{top:g}", "y2": f"{bottom:g}"}
    SubElement(parent, "line", {**ends, "class": kind})
