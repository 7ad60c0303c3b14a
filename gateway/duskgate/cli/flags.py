"""``duskgate flags``: what flags there are, and flipping them for single callers, on record."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from duskgate.cli.common import config_argument, fail, load_or_fail, one_line
from duskgate.cli.table import show as show_table
from duskgate.control.entries import BrokenEntries
from duskgate.flags import InvalidFlags
from duskgate.flags.operations import FlagOperations, NotFlipped
from duskgate.middleware.clock import system_clock


@click.group()
def flags() -> None:
    """Show flags, and flip them for single callers, on record and without a reload."""


flag_argument = click.argument("flag")
user_option = click.option(
    "--user", "users", multiple=True, metavar="NAME", help="A caller; may be given more than once."
)
users_option = click.option(
    "--users-from", "file", type=click.File(), help="A file with a caller a line; - for standard input."
)
by_option = click.option(
    "--by", default=getpass.getuser, show_default="you", help="Who answers for it, for the record."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@flags.command(name="list")
@config_argument
@json_option
def list_(config: Path, as_json: bool) -> None:
    """Show every flag: its default, what its rule looks at, who uses it, how many it is flipped for."""
    with _operations(config) as operations:
        found = operations.listed()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    columns = ("flag", "default", "looks at", "apis", "overrides")
    keys = ("flag", "default", "looks_at", "apis", "overrides")
    show_table(columns, [[_cell(one[key]) for key in keys] for one in found])


@flags.command()
@flag_argument
@config_argument
@json_option
def show(flag: str, config: Path, as_json: bool) -> None:
    """Show FLAG: its variants and rule, and every caller it is flipped for, by whom and since when."""
    with _operations(config) as operations:
        found = operations.shown(flag)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for key in ("flag", "state", "variants", "default", "looks_at", "rule", "apis"):
        click.echo(f"{key.replace('_', ' '):<12}{_cell(found[key])}")
    overrides = found["overrides"]
    click.echo(f"{'overrides':<12}{len(overrides)}")
    rows = [[user, *(one[key] for key in ("value", "by", "at"))] for user, one in overrides.items()]
    if rows:
        show_table(("user", "value", "by", "since"), [[_cell(cell) for cell in row] for row in rows])


@flags.command()
@flag_argument
@config_argument
@user_option
@users_option
@by_option
def on(flag: str, config: Path, users: tuple[str, ...], file: TextIO | None, by: str) -> None:
    """Turn FLAG on for single callers, whatever its rule says."""
    _flip(flag, config, _named(users, file), True, by)


@flags.command()
@flag_argument
@config_argument
@user_option
@users_option
@by_option
def off(flag: str, config: Path, users: tuple[str, ...], file: TextIO | None, by: str) -> None:
    """Turn FLAG off for single callers, whatever its rule says."""
    _flip(flag, config, _named(users, file), False, by)


@flags.command()
@flag_argument
@config_argument
@user_option
@users_option
@click.option("--all", "everybody", is_flag=True, help="Everybody it is flipped for.")
@by_option
def clear(
    flag: str, config: Path, users: tuple[str, ...], file: TextIO | None, everybody: bool, by: str
) -> None:
    """Let FLAG's own rule count again for single callers."""
    if everybody and (users or file):
        fail("--all clears everybody; give it or --user")
    named = None if everybody else _named(users, file)
    with _operations(config) as operations:
        operations.clear(flag, named, by=by, now=system_clock())
    click.echo(f"{flag} is as its rule says for {'everybody' if named is None else _words(named)}")


@flags.command()
@config_argument
@json_option
def audit(config: Path, as_json: bool) -> None:
    """Show every flip on record, oldest first."""
    with _operations(config) as operations:
        changes = list(operations.entries.audit())
    if as_json:
        click.echo(json.dumps(changes, indent=2))
        return
    for one in changes:
        to = one["to"] or "cleared"
        flag, user = one_line(one["section"]), one_line(one["key"])
        click.echo(f"{one['at']}  {one_line(one['by']):<12}{flag:<24}{to:<9}{user}")


def _flip(flag: str, config: Path, users: list[str], value: bool, by: str) -> None:
    with _operations(config) as operations:
        operations.flip(flag, users, value, by=by, now=system_clock())
    click.echo(f"{flag} is {'on' if value else 'off'} for {_words(users)}")


def _named(users: tuple[str, ...], file: TextIO | None) -> list[str]:
    try:
        lines = [line.strip() for line in file] if file is not None else []
    except UnicodeDecodeError:
        fail("--users-from: is not UTF-8 text")
    named = list(dict.fromkeys([*users, *filter(None, lines)]))
    if not named:
        fail("name a caller: --user NAME, or --users-from FILE")
    return named


def _words(users: list[str]) -> str:
    return one_line(users[0]) if len(users) == 1 else f"{len(users)} callers"


def _cell(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return one_line(value if isinstance(value, str) else json.dumps(value))


@contextmanager
def _operations(config: Path) -> Iterator[FlagOperations]:
    """The operations of a configuration, with every failure in words."""
    try:
        yield FlagOperations(load_or_fail(config))
    except (NotFlipped, BrokenEntries, InvalidFlags) as error:
        fail(str(error))
    except OSError as error:
        reason = error.strerror or str(error)
        fail(f"{error.filename}: {reason}; flags.overrides names the file, in a folder that must be writable")
