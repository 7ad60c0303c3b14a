"""What the subcommands share: the config argument, exit statuses, loading with errors for people."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import click

from duskgate.config import InvalidConfig, Loaded, load
from duskgate.config.errors import ConfigError
from duskgate.config.scalars import instant_ms, span_ms
from duskgate.control.in_force import PlanInForce
from duskgate.flags import FlagsFile, InvalidFlags
from duskgate.policy.plan import Plan

NO = 1
"""Exit status: the answer is no."""
WRONG_INPUT = 2
"""Exit status: the input is wrong."""

config_argument = click.argument(
    "config",
    envvar="DUSKGATE_CONFIG",
    default="config/gateway.yaml",
    type=click.Path(path_type=Path, dir_okay=False),
)


def fail(message: str) -> NoReturn:
    """Say what is wrong with the input and stop."""
    click.echo(f"duskgate: {message}", err=True)
    sys.exit(WRONG_INPUT)


def load_or_fail(config: Path) -> Loaded:
    """Load a configuration and its flags, or print every mistake and stop."""
    try:
        loaded = load(config)
    except InvalidConfig as invalid:
        for error in invalid.errors:
            click.echo(f"error: {error}", err=True)
        sys.exit(WRONG_INPUT)
    open_flags(loaded)
    return loaded


def open_flags(loaded: Loaded) -> FlagsFile | None:
    """The configuration's flags, or stop."""
    try:
        return FlagsFile(loaded.flags_path) if loaded.flags_path is not None else None
    except InvalidFlags as error:
        fail(str(error))


def show_warnings(warnings: tuple[ConfigError, ...]) -> None:
    """Name every key that has no effect yet."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def plan_in_force(loaded: Loaded) -> Plan:
    """The configuration's plan with all that is switched in its state folder, as the gateway has it."""
    in_force = PlanInForce(loaded)
    if in_force.broken:
        fail(str(in_force.switches.fault))
    return in_force.plan


def moment(option: str, text: str) -> int:
    """A time given on the command line, in ms, or stop."""
    try:
        return instant_ms(text)
    except ValueError as error:
        fail(f"{option}: {text!r} {error}")


def span(option: str, text: str) -> int:
    """A length of time given on the command line, in ms, or stop."""
    length = span_ms(text)
    if not length:
        fail(f"{option}: {text!r} is not a length of time, such as 12h or 2d")
    return length


_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))


def in_words(length: int) -> str:
    """A length of time (ms) for people, in its two largest units: ``12 d 3 h``."""
    for (name, size), (smaller, part) in pairwise(_UNITS):
        if length >= size:
            whole, rest = divmod(length, size)
            return f"{whole} {name} {rest // part} {smaller}" if rest >= part else f"{whole} {name}"
    return f"{length} ms"


def one_line(text: str) -> str:
    """A text of the YAML or the records as it may stand in a line: without control characters."""
    return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))
