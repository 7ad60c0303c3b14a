"""The dashboards as the builder makes them, and what their queries name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from deploy.grafana.build import files

Json = dict[str, Any]

BUILT = files()
BOARDS: list[Json] = [json.loads(text) for text in BUILT.values()]

_METRIC = re.compile(r"\bduskgate_\w+")


def metrics_in(expression: str) -> set[str]:
    """The metrics of the gateway that an expression asks for, by the names of docs/metrics.md."""
    return {name.removesuffix("_bucket") for name in _METRIC.findall(expression)}


def variables(board: Json) -> dict[str, Json]:
    """The variables that choose series; the data source is not among them."""
    return {one["name"]: one for one in board["templating"]["list"] if one["type"] == "query"}


def targets(board: Json) -> Iterator[tuple[str, Json]]:
    """The queries of a dashboard's panels, each with a name."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']}-{target['refId']}", target


def expressions(board: Json) -> Iterator[str]:
    """Every query of a dashboard: its panels', annotations' and variables'."""
    yield from (target["expr"] for _, target in targets(board))
    yield from (one["expr"] for one in board["annotations"]["list"])
    yield from (one["query"]["query"] for one in variables(board).values())
