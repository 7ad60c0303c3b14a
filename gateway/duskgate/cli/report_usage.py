"""``duskgate report``: who still calls what ends, and whether it is safe to switch off."""

from __future__ import annotations

from functools import partial

import click

from duskgate.cli.common import NO, fail
from duskgate.cli.past import asking, switches_of
from duskgate.cli.report_formats import FORMATS, Report
from duskgate.config import Loaded
from duskgate.config.tree import suggest
from duskgate.control.switches import told_in
from duskgate.policy.plan import Plan
from duskgate.usage.reports.line import Readiness
from duskgate.usage.reports.period import Period
from duskgate.usage.reports.report import Past, report


def report_usage(loaded: Loaded, period: Period, api: str | None, version: str | None, form: str) -> int:
    """Print the report; the exit status. ``form`` is one of ``FORMATS``."""
    in_force = switches_of(loaded)
    plan = in_force.plan
    _known(plan, api, version)
    with asking(loaded) as reader:
        from duskgate.usage.ledger.records import LedgerFacts

        past = Past(
            uses=tuple(reader.uses(period.since, period.now)),
            days=tuple(reader.by_day(period.before, period.today)),
            begins=reader.begins(),
            facts=LedgerFacts(reader),
        )
        found = report(plan, past, partial(told_in, in_force.switches.sections), period)
    lines = [line for line in found if api in (None, line.rule.api) and version in (None, line.rule.version)]
    for text in FORMATS[form](Report(period, past.begins, lines)):
        click.echo(text)
    safe = all(line.readiness in (Readiness.SAFE, Readiness.OFF) for line in lines)
    return 0 if safe else NO


def _known(plan: Plan, api: str | None, version: str | None) -> None:
    if api is not None and api not in plan.apis:
        fail(f"--api: there is no api {api!r}; {suggest(api, list(plan.apis))}")
    apis = [plan.apis[api]] if api is not None else list(plan.apis.values())
    versions = list(dict.fromkeys(name for one in apis for name in one.versions))
    if version is not None and version not in versions:
        fail(f"--version: there is no version {version!r}; {suggest(version, versions)}")
