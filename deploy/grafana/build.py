"""Builds the Grafana dashboards: ``make dashboards`` writes dashboards/*.json.

Dashboards exported from Grafana are long and hard to review, so they are made from these modules instead,
one for each dashboard.
"""

from __future__ import annotations

import json
from pathlib import Path

from deploy.grafana import overview, rollout, version_sunset

DASHBOARDS = Path(__file__).parent / "dashboards"
BUILDERS = {
    "deprecation-overview.json": overview.dashboard,
    "version-sunset.json": version_sunset.dashboard,
    "rollout.json": rollout.dashboard,
}


def files() -> dict[Path, str]:
    """Every dashboard's file and what belongs into it."""
    return {DASHBOARDS / name: json.dumps(build(), indent=2) + "\n" for name, build in BUILDERS.items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
