"""``duskgate report``: what was seen, and whether it is enough."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from duskgate.cli.common import config_argument, fail, load_or_fail
from duskgate.cli.report_shadow import report_shadow
from duskgate.proxy.shadow.readiness import ENOUGH


@click.command()
@config_argument
@click.option("--shadow", is_flag=True, help="Whether each endpoint's shadow answers alike.")
@click.option(
    "--enough", type=click.IntRange(1), default=ENOUGH, show_default=True, help="Equal answers in a row."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def report(config: Path, shadow: bool, enough: int, as_json: bool) -> None:
    """Report what the gateway that serves CONFIG saw. Exit status 1: it is not enough."""
    if not shadow:
        fail("say what to report: --shadow")
    sys.exit(report_shadow(load_or_fail(config), enough, as_json))
