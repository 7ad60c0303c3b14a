"""``duskgate diff``: what an edit of the YAML does to dates, and whom it hits."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from duskgate.cli.common import NO, load_or_fail, moment, one_line
from duskgate.cli.past import (
    answer_words,
    calls_record,
    days_option,
    fate_record,
    place_words,
    plan_at,
    switches_of,
    who,
)
from duskgate.cli.table import show
from duskgate.config import Loaded
from duskgate.config.advice import minimum_notices
from duskgate.middleware.clock import system_clock
from duskgate.policy.instants import LAST_MS, rfc3339
from duskgate.policy.plan import WHOLE
from duskgate.usage.gates import gates
from duskgate.usage.reports.difference import Change, Side, Spot, differences
from duskgate.usage.reports.effects import Effect, effects
from duskgate.usage.reports.period import last_days

file_argument = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("old", type=file_argument)
@click.argument("new", type=file_argument)
@days_option
@click.option("--at", metavar="TIME", help="What now is: 2027-01-01 or 2027-01-01T00:00:00Z.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff(old: Path, new: Path, days: int, at: str | None, as_json: bool) -> None:
    """Say which dates move between the configurations OLD and NEW, and who is hit by it.

    Exit status 1: somebody gets less notice than before.
    """
    now = system_clock() if at is None else moment("--at", at)
    before, after = load_or_fail(old), load_or_fail(new)
    found = differences(_side(before), _side(after), now)
    keeper = _keeper(before, after)
    hit = None if keeper is None else _hit(before, after, keeper, now, days)
    notes = list(_assumed(found, hit, any(True for one in (before, after) for _ in gates(one.plan))))
    if as_json:
        click.echo(json.dumps(_document(found, hit, notes, now), indent=2))
    else:
        _tell(found, hit, notes)
    sys.exit(NO if any(one.shortened for one in found) else 0)


def _side(loaded: Loaded) -> Side:
    return Side(loaded.plan, minimum_notices(loaded.document))


def _keeper(before: Loaded, after: Loaded) -> Loaded | None:
    """Whose ledger and switches count: the old one's, unless only the new one has a ledger."""
    kept = [one for one in (before, after) if one.ledger_url is not None]
    there = [one for one in kept if one.ledger_path is None or one.ledger_path.is_file()]
    return there[0] if there else None


def _hit(before: Loaded, after: Loaded, keeper: Loaded, now: int, days: int) -> list[Effect] | None:
    from duskgate.usage.ledger.reader import Reader  # SQLAlchemy: only for who needs it
    from duskgate.usage.ledger.store import LedgerError

    in_force = switches_of(keeper)
    try:
        reader = Reader(keeper.ledger_url or "")
        in_force.take_over(before)
        old = plan_at(in_force, reader, LAST_MS)
        in_force.take_over(after)
        new = plan_at(in_force, reader, LAST_MS)
        return effects(old, new, reader.uses(last_days(now, days).since), now)
    except LedgerError as error:
        click.echo(f"warning: {error}; only dates are compared", err=True)
        return None


def _document(
    found: Sequence[Change], hit: Sequence[Effect] | None, notes: Sequence[str], now: int
) -> dict[str, Any]:
    """What ``--json`` prints. Its keys are a contract; ``effects`` is null where there is no ledger."""
    return {
        "at": rfc3339(now),
        "shortened": any(one.shortened for one in found),
        "changes": [_change(one) for one in found],
        "effects": None if hit is None else [_effect(one) for one in hit],
        "assumed": list(notes),
    }


def _assumed(found: Sequence[Change], hit: Sequence[Effect] | None, gated: bool) -> Iterator[str]:
    """What cannot be told about who is hit."""
    if hit is None:
        return
    for one in found:
        if one.what == "endpoint" and one.after is not None:
            yield f"calls of {_where(one.spot)} were counted under another rule: who makes them is not known"
    for why in sorted({fate.why for one in hit for fate in (one.was, one.becomes) if fate.why}):
        yield f"undecided: {why}"
    if gated:
        yield "gates are judged anew until then; here they hold or not as they do now"


def _change(one: Change) -> dict[str, Any]:
    spot = {**one.spot._asdict(), "methods": list(one.spot.methods)}
    return {
        **spot,
        "what": one.what,
        "before": one.before,
        "after": one.after,
        "shortened": one.shortened,
    }


def _effect(one: Effect) -> dict[str, Any]:
    return {
        **calls_record(one.calls),
        "from": rfc3339(one.start),
        "until": None if one.end is None else rfc3339(one.end),
        "was": fate_record(one.was),
        "becomes": fate_record(one.becomes),
    }


def _tell(found: Sequence[Change], hit: Sequence[Effect] | None, notes: Sequence[str]) -> None:
    """Print it for people: what shortens notice first."""
    short = [one for one in found if one.shortened]
    for one in short:
        text = one_line(f"{_where(one.spot)}: {one.what}: {one.shortened}")
        click.secho(f"SHORTER NOTICE: {text}", fg="red", bold=True)
    if short:
        click.echo("")
    if not found:
        click.echo("no date differs")
    else:
        cells = [(_where(one.spot), one.what, one.before or "-", one.after or "-") for one in found]
        styles = ["bold red" if one.shortened else "" for one in found]
        show(("where", "what", "before", "after"), [tuple(map(one_line, row)) for row in cells], styles)
    click.echo("")
    if hit is None:
        click.echo("there is no ledger to tell who is hit")
    elif not hit:
        click.echo("nobody who called lately is hit")
    else:
        styles = ["bold red" if one.calls.critical else "" for one in hit]
        show(COLUMNS, [tuple(map(one_line, _cells(one))) for one in hit], styles)
    if notes:
        click.echo("")
    for note in notes:
        click.echo(one_line(f"note: {note}"))


COLUMNS = ("consumer", "where", "from", "until", "was", "becomes", "calls")


def _cells(one: Effect) -> tuple[str, ...]:
    end = "-" if one.end is None else rfc3339(one.end)
    fates = (answer_words(one.was), answer_words(one.becomes))
    return (
        who(one.calls),
        place_words(one.calls.place),
        rfc3339(one.start),
        end,
        *fates,
        f"{one.calls.count:,}",
    )


def _where(spot: Spot) -> str:
    methods = f" {','.join(spot.methods)}" if spot.methods else ""
    return f"{spot.api} {spot.version}{'' if spot.endpoint == WHOLE else f'{methods} {spot.endpoint}'}"
