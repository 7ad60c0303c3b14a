"""The command ``duskgate``: its subcommands, one file each."""

from __future__ import annotations

import click

from duskgate.cli.check import check
from duskgate.cli.demo import demo
from duskgate.cli.diff import diff
from duskgate.cli.explain import explain
from duskgate.cli.flags import flags
from duskgate.cli.plan import plan
from duskgate.cli.rehearse import rehearse
from duskgate.cli.report import report
from duskgate.cli.serve import serve
from duskgate.cli.sign import sign
from duskgate.cli.switch import switch


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="duskgate")
def main() -> None:
    """A gateway for API version migration and deprecation."""


for command in (serve, check, explain, plan, report, rehearse, diff, switch, flags, sign, demo):
    main.add_command(command)
