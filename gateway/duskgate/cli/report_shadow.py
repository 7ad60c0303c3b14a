"""``duskgate report --shadow``: whether each endpoint's shadow answers alike."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from duskgate.cli.common import NO, fail
from duskgate.config import Loaded
from duskgate.policy.instants import rfc3339
from duskgate.proxy.shadow.readiness import Difference, Line, Readiness, all_ready, lines, places
from duskgate.proxy.shadow.store import path_in, read

MOST_UNSEEN = 20
"""Endpoints without a comparison that the table names."""


def report_shadow(loaded: Loaded, enough: int, as_json: bool) -> int:
    """Print the report; the exit status."""
    if next(places(loaded.plan), None) is None:
        fail(f"{loaded.path}: no version has a shadow that is compared; add shadow: {{to: VERSION}} to one")
    path = path_in(loaded.state)
    try:
        results = read(path)
    except sqlite3.Error as error:
        fail(f"{path}: {error}; is it a file of this version of Duskgate?")
    found = list(lines(loaded.plan, results, enough))
    if not found:
        fail(
            f"{loaded.path}: no version has a shadow whose answers are compared; add shadow: {{to: VERSION}}"
        )
    ready = all_ready(found)
    if as_json:
        report = {"ready": ready, "enough": enough, "endpoints": [_endpoint(line) for line in found]}
        click.echo(json.dumps(report, indent=2))
    else:
        _show(found, enough)
    return 0 if ready else NO


def _endpoint(line: Line) -> dict[str, Any]:
    api, version, shadow, endpoint = line.place
    tally = line.tally
    seen = line.readiness is not Readiness.UNSEEN
    return {
        "api": api,
        "version": version,
        "shadow": shadow,
        "endpoint": endpoint,
        "readiness": line.readiness.value,
        "equal": tally.equal,
        "different": tally.different,
        "failed": tally.failed,
        "undecided": tally.undecided,
        "equal_in_a_row": tally.streak,
        "first_seen": rfc3339(tally.first) if seen else None,
        "last_seen": rfc3339(tally.last) if seen else None,
        "differences": [_difference(one) for one in line.differences],
        "noise": [{"field": field, "kind": kind} for field, kind in line.noise],
    }


def _difference(one: Difference) -> dict[str, Any]:
    seen = one.seen
    example = {"old": seen.old, "new": seen.new} if (seen.old, seen.new) != (None, None) else {}
    return {
        "field": one.field,
        "kind": one.kind,
        "count": seen.count,
        "first_seen": rfc3339(seen.first),
        "last_seen": rfc3339(seen.last),
        **example,
    }


def _show(found: Sequence[Line], enough: int) -> None:
    console = Console(width=None if sys.stdout.isatty() else 150, markup=False, highlight=False)
    table = Table("api", "version", "endpoint", "readiness", "equal", "different", "failed", "equal in a row")
    unseen = 0
    for line in found:
        unseen += line.readiness is Readiness.UNSEEN
        if line.readiness is not Readiness.UNSEEN or unseen <= MOST_UNSEEN:
            table.add_row(*_row(line))
    console.print(table)
    if unseen > MOST_UNSEEN:
        console.print(f"and {unseen - MOST_UNSEEN} more of which nothing was compared")
    console.print(f"ready: {enough} or more answers in a row were equal\n")
    if any(line.differences for line in found):
        console.print(_differences(found))


def _row(line: Line) -> tuple[str, ...]:
    api, version, shadow, endpoint = line.place
    tally = line.tally
    numbers = (tally.equal, tally.different, tally.failed, tally.streak)
    return (
        api,
        f"{version} to {shadow}",
        endpoint,
        line.readiness.value,
        *(f"{number:,}" for number in numbers),
    )


def _differences(found: Sequence[Line]) -> Table:
    examples = any(one.seen.old or one.seen.new for line in found for one in line.differences)
    table = Table(
        "api", "endpoint", "field", "kind", "count", "last seen", *(["example"] if examples else [])
    )
    for line in found:
        for one in line.differences:
            seen = one.seen
            example = [f"{_shown(seen.old)} became {_shown(seen.new)}"] if examples else []
            when = rfc3339(seen.last // 1000 * 1000)
            table.add_row(
                line.place[0], line.place[3], one.field, one.kind, f"{seen.count:,}", when, *example
            )
    return table


def _shown(value: str | None) -> str:
    """A value without what could steer a terminal."""
    if value is None:
        return "nothing"
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in value)
