"""What the dashboards have in common: variables, annotations, the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deploy.grafana.names import DEPRECATION, SUNSET
from deploy.grafana.panels import DATASOURCE, Json
from deploy.grafana.queries import Chosen

Row = tuple[int, Sequence[tuple[int, Callable[[], Json]]]]
"""A height, and the panels with their widths; the grid is 24 wide."""


def board(
    uid: str, title: str, description: str, chosen: Chosen, variables: list[Json], rows: Sequence[Row]
) -> Json:
    """A whole dashboard. Dates of lifecycles are drawn for what is ``chosen``."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["duskgate"],
        "schemaVersion": 39,
        "editable": False,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "utc",  # lifecycles are written in UTC
        "links": [_links()],
        "annotations": {"list": _annotations(chosen)},
        "templating": {"list": [_datasource(), *variables]},
        "panels": _placed(rows),
    }


def variable(name: str, label: str, values: str, **more: object) -> Json:
    """A choice among the values that a query finds."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": values, "refId": name},
        "refresh": 2,  # whenever the time range changes
        "sort": 1,
        **more,
    }


def _datasource() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _links() -> Json:
    """A menu of the other dashboards, which keeps what is chosen."""
    return {
        "title": "Duskgate",
        "type": "dashboards",
        "tags": ["duskgate"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
    }


def _annotations(chosen: Chosen) -> list[Json]:
    """Lines at the dates of lifecycles. The series' values are the dates, in milliseconds."""
    return [
        {
            "name": name,
            "datasource": DATASOURCE,
            "enable": True,
            "iconColor": color,
            "expr": f"min by (api, version, endpoint) ({chosen.series(metric)}) * 1000",
            "titleFormat": f"{name}: {{{{api}}}} {{{{version}}}}",
            "textFormat": "{{endpoint}}",
            "useValueForTime": True,
        }
        for name, metric, color in (("Deprecated", DEPRECATION, "orange"), ("Sunset", SUNSET, "red"))
    ]


def _placed(rows: Sequence[Row]) -> list[Json]:
    """The panels, each with its place in the grid and a number."""
    panels: list[Json] = []
    top = 0
    for height, row in rows:
        left = 0
        for width, build in row:
            place = {"x": left, "y": top, "w": width, "h": height}
            panels.append({"id": len(panels) + 1, "gridPos": place, **build()})
            left += width
        top += height
    return panels
