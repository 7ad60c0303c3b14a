"""``duskgate switch``: holds, brownouts called off, rollouts, who has been told; and the record of it."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from duskgate.cli.common import config_argument, fail, load_or_fail, moment, one_line, span
from duskgate.config import Loaded
from duskgate.control.entries import BrokenEntries
from duskgate.control.operations import NotSwitched, Operations
from duskgate.control.switches import entries_in
from duskgate.middleware.clock import system_clock


@click.group()
def switch() -> None:
    """Change what the gateway does now, on record and without a reload."""


target_argument = click.argument("target")
by_option = click.option(
    "--by", default=getpass.getuser, show_default="you", help="Who answers for it, for the record."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@switch.command()
@target_argument
@config_argument
@click.option("--until", metavar="TIME", help="When the hold ends: 2027-01-08 or 2027-01-08T00:00:00Z.")
@click.option("--for", "length", metavar="SPAN", help="The same as a length from now: 2d.")
@click.option("--reason", required=True, help="Why, for the record.")
@by_option
def hold(target: str, config: Path, until: str | None, length: str | None, reason: str, by: str) -> None:
    """Put off the sunset of TARGET (API/VERSION), or bring it back after its sunset, until the hold ends."""
    if (until is None) == (length is None):
        fail("a hold has an end: give --until or --for")
    now = system_clock()
    end = moment("--until", until) if until is not None else now + span("--for", length or "")
    with _operations(config) as operations:
        operations.hold(target, end, reason, by=by, now=now)
    click.echo(f"{target} is held; `duskgate switch release {target}` lets go before")


@switch.command()
@target_argument
@config_argument
@by_option
def release(target: str, config: Path, by: str) -> None:
    """Take the hold on TARGET away: its dates count again, at once."""
    with _operations(config) as operations:
        operations.release(target, by=by, now=system_clock())
    click.echo(f"{target} is released")


@switch.command()
@click.argument("state", type=click.Choice(["off", "on"]))
@target_argument
@config_argument
@click.option("--reason", default="", help="Why, for the record.")
@by_option
def brownouts(state: str, target: str, config: Path, reason: str, by: str) -> None:
    """Call brownouts off, the one that is on included, or let them be. TARGET: *, API or API/VERSION."""
    with _operations(config) as operations:
        if state == "off":
            operations.brownouts_off(target, reason, by=by, now=system_clock())
        else:
            operations.brownouts_on(target, by=by, now=system_clock())
    click.echo(f"brownouts of {target} are {state}")


@switch.command()
@target_argument
@config_argument
@click.option("--reason", required=True, help="Why, for the record.")
@by_option
def halt(target: str, config: Path, reason: str, by: str) -> None:
    """Stop the rollout of TARGET (API/VERSION, where callers come from): nobody is moved any more."""
    with _operations(config) as operations:
        operations.halt(target, reason, by=by, now=system_clock())
    click.echo(f"the rollout of {target} is halted; `duskgate switch resume {target}` lets it go on")


@switch.command()
@target_argument
@config_argument
@by_option
def resume(target: str, config: Path, by: str) -> None:
    """Let the rollout of TARGET go on, whoever stopped it: an operator or its guard."""
    with _operations(config) as operations:
        operations.resume(target, by=by, now=system_clock())
    click.echo(f"the rollout of {target} goes on")


@switch.command()
@target_argument
@click.argument("consumer")
@config_argument
@by_option
def notified(target: str, consumer: str, config: Path, by: str) -> None:
    """Put on record that CONSUMER was told that TARGET (API/VERSION) ends; acceptance gates look at it."""
    with _operations(config) as operations:
        operations.notified(target, consumer, by=by, now=system_clock())
    click.echo(f"{consumer} is on record as told of {target}")


@switch.command(name="list")
@config_argument
@json_option
def list_(config: Path, as_json: bool) -> None:
    """Show everything that is switched."""
    with _explained():
        sections = entries_in(load_or_fail(config).state).read()
    if as_json:
        click.echo(json.dumps(sections, indent=2))
        return
    for section, entries in sections.items():
        for key, entry in entries.items():
            click.echo(f"{section:<14}{one_line(key):<32}{one_line(_words(entry))}")


@switch.command()
@config_argument
@json_option
def audit(config: Path, as_json: bool) -> None:
    """Show every change on record, oldest first."""
    with _explained():
        changes = list(entries_in(load_or_fail(config).state).audit())
    if as_json:
        click.echo(json.dumps(changes, indent=2))
        return
    for one in changes:
        to = "taken away" if one["to"] is None else _words(one["to"])
        by, key = one_line(one["by"]), one_line(one["key"])
        click.echo(f"{one['at']}  {by:<12}{one['section']:<14}{key:<32}{one_line(to)}")


def _words(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return ", ".join(f"{name} {_words(value)}" for name, value in entry.items() if value not in ("", []))
    return "; ".join(map(str, entry)) if isinstance(entry, list) else str(entry)


@contextmanager
def _operations(config: Path) -> Iterator[Operations]:
    loaded: Loaded = load_or_fail(config)
    with _explained():
        yield Operations(loaded.plan, entries_in(loaded.state))


@contextmanager
def _explained() -> Iterator[None]:
    """Every failure in words."""
    try:
        yield
    except (NotSwitched, BrokenEntries) as error:
        fail(str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        fail(f"{error.filename}: {reason}; server.state names the folder for it, which must be writable")
