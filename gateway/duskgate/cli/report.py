"""``duskgate report``: what was seen, and whether it is enough."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from duskgate.cli.common import config_argument, fail, load_or_fail, moment
from duskgate.cli.past import DAYS, MOST_DAYS
from duskgate.cli.report_formats import FORMATS
from duskgate.cli.report_shadow import report_shadow
from duskgate.cli.report_usage import report_usage
from duskgate.middleware.clock import system_clock
from duskgate.policy.instants import rfc3339
from duskgate.proxy.shadow.readiness import ENOUGH
from duskgate.usage.reports.period import DAY, Period, from_instant, last_days


@click.command()
@config_argument
@click.option("--api", metavar="NAME", help="Only this api.")
@click.option("--version", metavar="NAME", help="Only this version.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), help=f"Whole days besides today; {DAYS}.")
@click.option("--since", metavar="TIME", help="The same as the day of a date or time.")
@click.option("--at", metavar="TIME", help="What now is: 2027-01-01 or 2027-01-01T00:00:00Z.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="The form; table.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--shadow", is_flag=True, help="Instead: whether each endpoint's shadow answers alike.")
@click.option("--enough", type=click.IntRange(1), help=f"With --shadow: equal answers in a row; {ENOUGH}.")
def report(
    config: Path,
    api: str | None,
    version: str | None,
    days: int | None,
    since: str | None,
    at: str | None,
    form: str | None,
    as_json: bool,
    shadow: bool,
    enough: int | None,
) -> None:
    """Report who still calls what ends in CONFIG. Exit status 1: something is not safe to switch off."""
    if as_json and form not in (None, "json"):
        fail("--json is --format json: give one of them")
    form = "json" if as_json else form or "table"
    if shadow:
        if (api, version, days, since, at) != (None,) * 5 or form not in ("table", "json"):
            fail("--shadow goes with --enough and --json only")
        sys.exit(report_shadow(load_or_fail(config), enough or ENOUGH, form == "json"))
    if enough is not None:
        fail("--enough goes with --shadow only")
    now = system_clock() if at is None else moment("--at", at)
    sys.exit(report_usage(load_or_fail(config), _period(now, days, since), api, version, form))


def _period(now: int, days: int | None, since: str | None) -> Period:
    if since is None:
        return last_days(now, days or DAYS)
    if days is not None:
        fail("--days and --since say the same: give one of them")
    period = from_instant(moment("--since", since), now)
    if period.days < 1 or period.days > MOST_DAYS:
        fail(f"--since: must be a day between 1 and {MOST_DAYS} days before {rfc3339(now - now % DAY)}")
    return period
