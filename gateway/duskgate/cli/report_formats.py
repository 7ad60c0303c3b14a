"""The forms of ``duskgate report``: a table, JSON, CSV for spreadsheets, Markdown for tickets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from duskgate.cli.common import one_line
from duskgate.cli.table import show
from duskgate.policy.instants import rfc3339
from duskgate.policy.timeline import where
from duskgate.usage.reports.fate import UNNAMED
from duskgate.usage.reports.line import Left, Line, Readiness
from duskgate.usage.reports.period import Period

FEW = 5
"""How many consumers a line for people names."""

MOST_LISTED = 50
"""How many consumers without a name JSON lists; those with one are all there."""


class Report(NamedTuple):
    """What is printed. ``begins`` is when the ledger does (ms)."""

    period: Period
    begins: int | None
    lines: Sequence[Line]


# for programs


def as_json(report: Report) -> Iterator[str]:
    """Its keys are a contract: each is always there; what is missing is null."""
    period = report.period
    document = {
        "at": rfc3339(period.now),
        "since": rfc3339(period.since),
        "days": period.days,
        "ledger_begins": _instant(report.begins),
        "safe": all(line.readiness in (Readiness.SAFE, Readiness.OFF) for line in report.lines),
        "lines": [
            {**_record(line, period.now), "consumers": [_consumer(one) for one in _listed(line.left)]}
            for line in report.lines
        ],
    }
    yield json.dumps(document, indent=2)


def as_csv(report: Report) -> Iterator[str]:
    """A line for each, RFC 4180; no cell is a formula to a spreadsheet."""
    empty: dict[str, Any] = dict.fromkeys(FIELDS)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(empty), lineterminator="\r\n")
    writer.writeheader()
    for line in report.lines:
        record = _record(line, report.period.now)
        writer.writerow({key: csv_cell(value) for key, value in record.items()})
    yield file.getvalue().removesuffix("\r\n")


FIELDS = (
    *("api", "version", "endpoint", "methods", "phase", "announced", "deprecated", "sunset", "enforced"),
    *("removed", "days_left", "consumers_left", "critical_left", "unnamed_left", "calls", "refused"),
    *("last_seen", "calls_a_day", "calls_a_day_before", "projected_zero", "successor", "successor_share"),
    *("without_contact", "not_told", "verdict", "reasons"),
)


def _record(line: Line, now: int) -> dict[str, Any]:
    rule, dates = line.rule, line.rule.lifecycle
    values = (
        *(rule.api, rule.version, rule.endpoint, sorted(rule.methods), line.phase.value),
        *map(_instant, (dates.announced, dates.deprecated, dates.sunset, dates.enforced, dates.removed)),
        *(line.days_left(now), len(line.left), sum(one.critical for one in line.left)),
        *(sum(one.name.startswith(UNNAMED) for one in line.left), line.calls, line.refused),
        *(_instant(line.last_seen), _rounded(line.trend.now), _rounded(line.trend.before)),
        *(_date(line.zero), dates.successor, _rounded(line.successor_share, 4)),
        *(line.without_contact, line.not_told, line.readiness.value, list(line.reasons)),
    )
    return dict(zip(FIELDS, values, strict=True))


def _listed(left: Sequence[Left]) -> Iterator[Left]:
    unnamed = 0
    for one in left:
        unnamed += not one.known
        if one.known or unnamed <= MOST_LISTED:
            yield one


def _consumer(one: Left) -> dict[str, Any]:
    return {
        "consumer": one.name,
        "known": one.known,
        "critical": one.critical,
        "contact": one.contact,
        "told": one.told,
        "calls": one.calls,
        "refused": one.refused,
        "last_seen": rfc3339(one.last_seen),
    }


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the beginning of a formula."""


def csv_cell(value: object) -> object:
    """A value as it may stand in a spreadsheet: texts on one line, and never a formula."""
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(_FORMULA) or value.startswith(_FORMULA) else text


# for people

COLUMNS = (
    *("where", "phase", "sunset", "days left", "consumers", "calls", "last seen", "a day", "before"),
    *("zero", "successor", "verdict"),
)

_STYLES = {Readiness.UNSAFE: "red", Readiness.UNKNOWN: "yellow", Readiness.SAFE: "green"}


def as_table(report: Report) -> Iterator[str]:
    """Printed by itself where there is a terminal; what is yielded comes below it."""
    if not report.lines:
        yield "nothing ends"
        return
    now = report.period.now
    cells = [tuple(map(one_line, _cells(line, now))) for line in report.lines]
    show(COLUMNS, cells, [_STYLES.get(line.readiness, "dim") for line in report.lines])
    for line in report.lines:
        yield ""
        for text in _words(line):
            yield one_line(text)


def as_markdown(report: Report) -> Iterator[str]:
    """A table, and a list of what there is to say."""
    period = report.period
    yield f"Calls since {rfc3339(period.since)}, as of {rfc3339(period.now)}"
    yield ""
    if not report.lines:
        yield "Nothing ends."
        return
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    for line in report.lines:
        yield f"| {' | '.join(map(markdown, _cells(line, period.now)))} |"
    yield ""
    for line in report.lines:
        for text in _words(line):
            yield f"- {markdown(text)}"


def markdown(text: str) -> str:
    """A text as it may stand in a cell: nothing in it is markup."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|~&" else char for char in one_line(text))


def _cells(line: Line, now: int) -> tuple[str, ...]:
    left = line.days_left(now)
    return (
        where(line.rule),
        line.phase.value,
        _day(line.rule.lifecycle.sunset),
        "" if left is None else str(left),
        str(len(line.left)),
        f"{line.calls:,}",
        "" if line.last_seen is None else rfc3339(line.last_seen // 1000 * 1000),
        _number(line.trend.now),
        _number(line.trend.before),
        _date(line.zero) or "",
        _percent(line.successor_share),
        line.readiness.value,
    )


def _words(line: Line) -> Iterator[str]:
    """What there is to say of one line, a sentence each."""
    place = where(line.rule)
    yield f"{place}: {line.readiness.value}: {'; '.join(line.reasons)}"
    if line.left:
        yield f"{place}: still called by {_few([_named(one) for one in line.left])}"
    if line.without_contact:
        yield f"{place}: nobody to write to at {_few(line.without_contact)}"
    if line.not_told:
        yield f"{place}: not on record as told: {_few(line.not_told)}"


def _named(one: Left) -> str:
    return f"{one.name} ({'critical, ' if one.critical else ''}{one.calls:,})"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _percent(part: float | None) -> str:
    """All of it is only said where it is."""
    return "" if part is None else f"{part if part == 1 else min(part, 0.999):.1%}"


def _date(instant: int | None) -> str | None:
    """The day of an estimate, which is no more exact than that."""
    return None if instant is None else rfc3339(instant)[:10]


def _day(instant: int | None) -> str:
    return "" if instant is None else rfc3339(instant // 1000 * 1000).removesuffix("T00:00:00Z")


def _instant(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)


FORMATS: dict[str, Callable[[Report], Iterator[str]]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
}
