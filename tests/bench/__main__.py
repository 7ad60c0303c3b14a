"""``make bench``: CPU time a request and memory, side by side with other proxies.

Exit status 0 when it measured, whatever came out; 2 when it could not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import machine, run, shadow, table, wrk
from tests.bench.budgets import budgets
from tests.bench.grid import grid, names
from tests.bench.nginx import Nginx
from tests.bench.ready import CannotMeasure
from tests.bench.spawn import Cores, end_on_sigterm, stop_strays

RESULTS = Path(__file__).parent / "results" / "latest.json"
CANNOT = 2
INSTALL = "apt-get install wrk nginx haproxy caddy"


def say(text: str) -> None:
    """Progress."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, help="rounds (default 5, with --quick 3)")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="length of one measurement (default %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="32 connections with 200 B, and memory")
    parser.add_argument(
        "--only", action="append", choices=names(), default=[], metavar="NAME", help=", ".join(names())
    )
    options = parser.parse_args(given)
    if options.rounds is None:
        options.rounds = 3 if options.quick else 5
    if options.rounds < 1 or not 0.1 <= options.seconds <= 60:
        parser.error("there must be at least 1 round, and 0.1 to 60 seconds")
    return options


def plan_of(options: argparse.Namespace) -> run.Plan:
    only = frozenset(options.only)
    cells = grid(quick=options.quick, only=only)
    shadow = "shadow" in only or not (only or options.quick)
    return run.Plan(cells, not only or "memory" in only, shadow, options.rounds, options.seconds)


def main() -> int:
    options = arguments()
    missing = [name for name, path in (("wrk", wrk.program()), ("nginx", Nginx().program())) if path is None]
    if missing:
        say(f"{' and '.join(missing)} must be installed: {INSTALL}")
        return CANNOT
    end_on_sigterm()
    cores = Cores.of_this_process()
    os.sched_setaffinity(0, cores.load)
    if cores.proxy in cores.load:
        say("there is only one core; the load's work will disturb the proxies'")
    facts = machine.facts(cores)
    plan = plan_of(options)
    try:
        with tempfile.TemporaryDirectory(prefix="duskgate-bench-") as folder:
            figures = run.cpu(plan, Path(folder), cores, say)
            memory = run.resident(plan, Path(folder), cores, say)
            shadowed = run.shadowed(plan, Path(folder), cores, say)
    except CannotMeasure as error:
        say(str(error))
        return CANNOT
    except KeyboardInterrupt:
        say("stopped")
        return 130
    finally:
        stop_strays()
    kept = list(budgets(figures, memory, shadowed))
    lines = [*table.cpu(figures), *table.noise(figures), *table.memory(memory), *table.shadow(shadowed)]
    lines += table.budgets(kept)
    sys.stdout.write("\n".join(lines) + "\n")
    RESULTS.parent.mkdir(exist_ok=True)
    report = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts | {"load_average_after": machine.load_average()},
        "rounds": options.rounds,
        "seconds": options.seconds,
        "cpu": figures.as_json(),
        "memory": [one.as_json() for one in memory],
        "shadow": shadow.as_json(shadowed),
        "budgets": [one.as_json() for one in kept],
    }
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
