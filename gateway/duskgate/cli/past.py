"""What the commands that look back share: the ledger, and the plan with what it knows of callers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from duskgate.cli.common import fail
from duskgate.config import Loaded
from duskgate.control.in_force import PlanInForce
from duskgate.policy.instants import rfc3339
from duskgate.policy.plan import WHOLE, Plan
from duskgate.policy.timeline import freezes
from duskgate.usage.open_reader import open_reader
from duskgate.usage.reports.fate import Fate
from duskgate.usage.reports.places import Place
from duskgate.usage.reports.rehearsal import Calls

if TYPE_CHECKING:
    from duskgate.usage.ledger.reader import Reader

DAYS = 28
"""Four whole weeks, so that every weekday counts alike."""

MOST_DAYS = 3650

days_option = click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=DAYS,
    show_default=True,
    help="How many days of the ledger count, besides today.",
)


@contextmanager
def asking(loaded: Loaded) -> Iterator[Reader]:
    """The configuration's ledger; where there is none, or it cannot be read, stop and say why."""
    from duskgate.usage.ledger.store import LedgerError  # SQLAlchemy: only for who needs it

    try:
        reader = open_reader(loaded)
        if reader is None:
            fail(
                f"{loaded.path}: keeps no ledger of who calls; add ledger: {{}} and let it serve for a while"
            )
        yield reader
    except LedgerError as error:
        fail(str(error))


def switches_of(loaded: Loaded) -> PlanInForce:
    """What is switched in a configuration's state folder; stop where it cannot be understood."""
    in_force = PlanInForce(loaded)
    if in_force.broken:
        fail(str(in_force.switches.fault))
    return in_force


def plan_at(in_force: PlanInForce, reader: Reader, at: int) -> Plan:
    """The plan as a gateway has it at an instant (ms): it knows who was seen before each freeze."""
    in_force.remember({place: reader.first_seen_before(*place) for place in freezes(in_force.plan, at)})
    return in_force.plan


# how calls and fates are shown


def place_words(place: Place) -> str:
    """``accounts v1 /users/{id}``."""
    return f"{place.api} {place.version}{'' if place.endpoint == WHOLE else f' {place.endpoint}'}"


def who(calls: Calls) -> str:
    """A caller, and whether it is critical."""
    return f"{calls.consumer} (critical)" if calls.critical else calls.consumer


def answer_words(fate: Fate) -> str:
    """``410 sunset``; several where methods differ."""
    statuses = " or ".join(map(str, fate.statuses))
    until = "" if fate.until is None else f" until {rfc3339(fate.until)}"
    return f"{statuses} {' or '.join(bar.value for bar in fate.bars)}{until}".strip() or fate.outcome.value


def calls_record(calls: Calls) -> dict[str, Any]:
    """Calls in JSON."""
    return {
        "consumer": calls.consumer,
        "critical": calls.critical,
        "contact": calls.contact,
        **calls.place._asdict(),
        "calls": calls.count,
        "refused_already": calls.refused,
        "last_seen": rfc3339(calls.last_seen),
    }


def fate_record(fate: Fate) -> dict[str, Any]:
    """A fate in JSON."""
    return {
        "outcome": fate.outcome.value,
        "reasons": [bar.value for bar in fate.bars],
        "statuses": list(fate.statuses),
        "until": None if fate.until is None else rfc3339(fate.until),
        "why": fate.why or None,
    }


def count_of(calls: Sequence[Calls]) -> tuple[int, int]:
    """How many calls, and of how many consumers."""
    return sum(one.count for one in calls), len({one.consumer for one in calls})
