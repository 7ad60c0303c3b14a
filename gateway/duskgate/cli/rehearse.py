"""``duskgate rehearse``: who would be refused at a moment, by what was called lately."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from duskgate.cli.common import NO, config_argument, load_or_fail, moment, one_line
from duskgate.cli.past import (
    answer_words,
    asking,
    calls_record,
    count_of,
    days_option,
    fate_record,
    place_words,
    plan_at,
    switches_of,
    who,
)
from duskgate.cli.table import show
from duskgate.middleware.clock import system_clock
from duskgate.policy.instants import rfc3339
from duskgate.usage.reports.period import Period, last_days
from duskgate.usage.reports.rehearsal import Rehearsal, Replayed
from duskgate.usage.reports.rehearsal import rehearse as rehearsed


@click.command()
@config_argument
@click.option("--at", metavar="TIME", required=True, help="The moment to rehearse.")
@days_option
@click.option("--json", "as_json", is_flag=True, help="Print the rehearsal as JSON.")
def rehearse(config: Path, at: str, days: int, as_json: bool) -> None:
    """Replay the calls of the last days against CONFIG as it will be at a moment.

    Exit status 1: somebody would be refused, or may be.
    """
    instant, now = moment("--at", at), system_clock()
    period = last_days(now, days)
    loaded = load_or_fail(config)
    in_force = switches_of(loaded)
    with asking(loaded) as reader:
        begins = reader.begins()
        plan = plan_at(in_force, reader, instant)
        found = rehearsed(plan, reader.uses(period.since), instant, now)
    if as_json:
        click.echo(json.dumps(document(found, period, begins), indent=2))
    else:
        tell(found, period, begins)
    sys.exit(0 if found.safe else NO)


def document(found: Rehearsal, period: Period, begins: int | None) -> dict[str, Any]:
    """What ``--json`` prints. Its keys are a contract: each is always there; what is missing is null."""
    refused, _ = count_of([one.calls for one in found.refused])
    undecided, _ = count_of([one.calls for one in found.undecided])
    return {
        "at": rfc3339(found.at),
        "since": rfc3339(period.since),
        "until": rfc3339(period.now),
        "ledger_begins": None if begins is None else rfc3339(begins),
        "calls": found.calls,
        "calls_refused": refused,
        "calls_undecided": undecided,
        "calls_unplaced": found.unplaced,
        "refused": [_record(one, found.calls) for one in found.refused],
        "undecided": [_record(one, found.calls) for one in found.undecided],
        "assumed": list(found.assumed),
    }


def _record(one: Replayed, calls: int) -> dict[str, Any]:
    share = round(one.calls.count / calls, 6)
    return {**calls_record(one.calls), "share": share, **fate_record(one.fate)}


COLUMNS = ("consumer", "where", "answer", "calls", "share", "refused already", "last seen")


def tell(found: Rehearsal, period: Period, begins: int | None) -> None:
    """Print it for people."""
    click.echo(f"at {rfc3339(found.at)}, by what was called since {rfc3339(period.since)}:")
    calls, consumers = count_of([one.calls for one in found.refused])
    part = f" ({calls / found.calls:.1%})" if found.calls else ""
    click.echo(f"{calls:,} of {found.calls:,} calls{part} would be refused, of {consumers} consumers")
    if found.refused:
        click.echo("")
        styles = ["bold red" if one.calls.critical else "" for one in found.refused]
        show(COLUMNS, [_cells(one, found.calls) for one in found.refused], styles)
    if found.undecided:
        click.echo("\nnot to be told from the ledger:\n")
        show(("consumer", "where", "calls", "why"), [_unknown(one) for one in found.undecided])
    notes = list(_notes(found, period, begins))
    if notes:
        click.echo("")
    for note in notes:
        click.echo(one_line(f"note: {note}"))


def _cells(one: Replayed, calls: int) -> tuple[str, ...]:
    own = one.calls
    return (
        one_line(who(own)),
        one_line(place_words(own.place)),
        answer_words(one.fate),
        f"{own.count:,}",
        f"{own.count / calls:.1%}",
        f"{own.refused:,}",
        rfc3339(own.last_seen // 1000 * 1000),
    )


def _unknown(one: Replayed) -> tuple[str, ...]:
    own = one.calls
    return one_line(who(own)), one_line(place_words(own.place)), f"{own.count:,}", one_line(one.fate.why)


def _notes(found: Rehearsal, period: Period, begins: int | None) -> Iterator[str]:
    if begins is None:
        yield "the ledger is empty"
    elif begins > period.since:
        yield f"the ledger begins at {rfc3339(begins)}"
    if found.unplaced:
        yield f"{found.unplaced:,} calls found no version and are answered as they were"
    yield from found.assumed
