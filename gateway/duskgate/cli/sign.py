"""``duskgate sign``: a header that lets somebody rehearse a moment without having the admin token."""

from __future__ import annotations

from pathlib import Path

import click

from duskgate.cli.common import config_argument, fail, load_or_fail, moment, span
from duskgate.middleware.clock import system_clock
from duskgate.middleware.rehearsal import signed


@click.command()
@click.argument("time")
@config_argument
@click.option("--for", "length", default="1h", show_default=True, metavar="SPAN", help="How long it is good.")
def sign(time: str, config: Path, length: str) -> None:
    """Print a Duskgate-At header for TIME, good for some time, signed with CONFIG's admin.token."""
    document = load_or_fail(config).document
    if not document.admin.token:
        fail("admin.token is not set: there is nothing to sign with")
    if not document.server.rehearsal:
        fail("server.rehearsal is off: nobody would look at the header; set it to true")
    until = system_clock() + span("--for", length)
    click.echo(f"Duskgate-At: {signed(document.admin.token.encode(), moment('TIME', time), until)}")
