"""``duskgate check``: is this configuration fit to serve?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from duskgate.cli.common import WRONG_INPUT, config_argument, fail, load_or_fail, show_warnings
from duskgate.config import InvalidConfig, Loaded, load
from duskgate.flags import FlagsFile, InvalidFlags
from duskgate.flags.providers import NoProvider, try_factory


@click.command()
@config_argument
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config: Path, as_json: bool) -> None:
    """Check CONFIG: every mistake with its place, and every key that has no effect yet."""
    if as_json:
        _check_json(config)
        return
    loaded = load_or_fail(config)
    try:
        _try_provider(loaded)
    except NoProvider as error:
        fail(f"flags.provider: {error}")
    show_warnings(loaded.warnings)
    versions = sum(len(api.versions) for api in loaded.plan.apis.values())
    click.echo(
        f"{config}: fine ({len(loaded.plan.apis)} apis, {versions} versions, digest {loaded.plan.digest})"
    )


def _try_provider(loaded: Loaded) -> None:
    """Import what provides the flags: only here, where the process ends with it."""
    if loaded.document.flags is not None:
        try_factory(loaded.document.flags)


def _check_json(config: Path) -> None:
    errors: list[dict[str, object]] = []
    warnings: list[dict[str, object]] = []
    try:
        loaded = load(config)
        warnings = [asdict(warning) for warning in loaded.warnings]
        if loaded.flags_path is not None:
            FlagsFile(loaded.flags_path)
        _try_provider(loaded)
    except InvalidConfig as invalid:
        errors = [asdict(error) for error in invalid.errors]
    except InvalidFlags as error:
        errors = [{"file": str(loaded.flags_path), "reason": str(error)}]
    except NoProvider as error:
        errors = [{"file": str(config), "key": "flags.provider", "reason": str(error)}]
    click.echo(json.dumps({"fine": not errors, "errors": errors, "warnings": warnings}, indent=2))
    if errors:
        sys.exit(WRONG_INPUT)
