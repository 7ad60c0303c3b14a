"""``duskgate plan``: every coming change, in order; as a table, as JSON, and as a drawing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from duskgate.cli.common import (
    config_argument,
    fail,
    in_words,
    load_or_fail,
    moment,
    one_line,
    plan_in_force,
    span,
)
from duskgate.cli.table import show
from duskgate.cli.timeline_svg import Row, View, drawing
from duskgate.config.tree import suggest
from duskgate.middleware.clock import system_clock
from duskgate.policy.instants import FIRST_MS, LAST_MS, rfc3339
from duskgate.policy.plan import Plan
from duskgate.policy.timeline import Event, Kind, events, rules, where

COLUMNS = ("when", "in", "where", "what", "detail")

AHEAD = 90 * 86_400_000
"""How far a drawing without any change reaches, in ms."""


@click.command()
@config_argument
@click.option("--at", metavar="TIME", help="What now is: 2027-01-01 or 2027-01-01T00:00:00Z.")
@click.option("--until", metavar="TIME", help="Only what comes before.")
@click.option("--for", "length", metavar="SPAN", help="The same as a length from now: 90d.")
@click.option("--past", is_flag=True, help="Also what lies behind.")
@click.option("--api", "apis", multiple=True, metavar="NAME", help="Only this api; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Also draw them into FILE.")
def plan(
    config: Path,
    at: str | None,
    until: str | None,
    length: str | None,
    past: bool,
    apis: tuple[str, ...],
    as_json: bool,
    svg: Path | None,
) -> None:
    """Show every coming change of CONFIG's apis, earliest first, as it is in force by now."""
    now = system_clock() if at is None else moment("--at", at)
    end = _end(now, until, length)
    if end is not None and end <= now and not past:
        fail(f"--until: nothing comes before {rfc3339(end)}; it is {rfc3339(now)} (--past shows what was)")
    in_force = plan_in_force(load_or_fail(config))
    found = _changes(in_force, None if past else now, end, apis)
    if svg is not None:
        _draw(svg, in_force, found, now, end)
    if as_json:
        click.echo(json.dumps(_document(in_force, found, now, end), indent=2))
    else:
        _show(found, now)


def _end(now: int, until: str | None, length: str | None) -> int | None:
    if until is not None and length is not None:
        fail("--until and --for say the same: give one of them")
    if length is not None:
        return min(now + span("--for", length), LAST_MS)
    return moment("--until", until) if until is not None else None


def _changes(plan: Plan, since: int | None, until: int | None, apis: Collection[str]) -> list[Event]:
    for name in apis:
        if name not in plan.apis:
            fail(f"--api: there is no api {name!r}; {suggest(name, list(plan.apis))}")
    return [event for event in events(plan, since, until) if not apis or event.api in apis]


def _show(found: Sequence[Event], now: int) -> None:
    if not found:
        click.echo("no change")
        return
    shown = list(_rows(found))
    cells = [
        (rfc3339(event.at), _distance(event.at - now), one_line(where(event)), what, one_line(detail))
        for event, what, detail in shown
    ]
    show(COLUMNS, cells, ["dim" if event.at < now else _STYLES.get(event.kind, "") for event, _, _ in shown])


_STYLES = {Kind.SUNSET: "bold red", Kind.ENFORCED: "bold red", Kind.REMOVED: "red", Kind.BROWNOUT: "yellow"}


def _rows(found: Sequence[Event]) -> Iterator[tuple[Event, str, str]]:
    """What is said of each event. A brownout's start tells its end as well, which then has no row."""
    told = {(where(event), event.brownout) for event in found if event.kind is Kind.BROWNOUT}
    for event in found:
        detail = event.detail
        if event.brownout is not None:
            if event.kind is Kind.BROWNOUT_ENDS and (where(event), event.brownout) in told:
                continue
            start, end = event.brownout
            if event.kind is Kind.BROWNOUT:
                detail = f"for {in_words(end - start)}: {detail}"
            elif event.kind is Kind.BROWNOUT_ENDS:
                detail = f"after {in_words(end - start)}"
        yield event, event.kind.value.replace("-", " ").replace("_", " "), detail


def _distance(length: int) -> str:
    if length == 0:
        return "now"
    return f"in {in_words(length)}" if length > 0 else f"{in_words(-length)} ago"


def _document(plan: Plan, found: Sequence[Event], now: int, until: int | None) -> dict[str, Any]:
    """What ``--json`` prints. Its keys are a contract: each is always there; what is missing is null."""
    return {
        "digest": plan.digest,
        "at": rfc3339(now),
        "at_ms": now,
        "until": None if until is None else rfc3339(until),
        "until_ms": until,
        "changes": [_change(event, now) for event in found],
    }


def _change(event: Event, now: int) -> dict[str, Any]:
    return {
        "at": rfc3339(event.at),
        "at_ms": event.at,
        "in_ms": event.at - now,
        "api": event.api,
        "version": event.version,
        "endpoint": event.endpoint,
        "methods": list(event.methods),
        "kind": event.kind.value,
        "detail": event.detail,
        "brownout": None if event.brownout is None else _span(*event.brownout),
    }


def _span(start: int, end: int) -> dict[str, Any]:
    return {"from": rfc3339(start), "from_ms": start, "until": rfc3339(end), "until_ms": end}


def _draw(file: Path, plan: Plan, found: Sequence[Event], now: int, until: int | None) -> None:
    text = drawing(_drawn(plan, found), _view(found, now, until))
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"--svg: {file} cannot be written: {error.strerror or error}")


def _drawn(plan: Plan, found: Sequence[Event]) -> list[Row]:
    """What a change is shown of, the most important first: versions, then endpoints as they change."""
    first: dict[str, int] = {}
    steps: dict[str, list[int]] = {}
    for event in found:
        first.setdefault(where(event), event.at)
        if event.kind is Kind.ROLLOUT:
            steps.setdefault(where(event), []).append(event.at)
    rolling = [(rule, rule) for api in plan.apis.values() for rule in api.rules.values() if not rule.ends]
    rows = [
        (
            rule is not whole,
            first[where(rule)],
            Row(where(rule), rule.lifecycle, tuple(steps.get(where(rule), ()))),
        )
        for rule, whole in [*rules(plan), *rolling]
        if where(rule) in first
    ]
    return [row for _, _, row in sorted(rows, key=lambda one: one[:2])]


def _view(found: Sequence[Event], now: int, until: int | None) -> View:
    """From a little before what is shown, or now, to a little after."""
    instants = [now, *(event.at for event in found)]
    start = min(instants)
    end = until if until is not None else max(instants)
    if end <= start:
        end = start + AHEAD
    margin = max((end - start) // 20, 1)
    return View(max(start - margin, FIRST_MS), min(end if until is not None else end + margin, LAST_MS), now)
