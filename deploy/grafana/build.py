"""Builds the Grafana dashboards: ``python deploy/grafana/build.py`` writes dashboards/*.json.

Dashboards exported from Grafana are long and hard to review, so they are made from this file instead.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

DASHBOARDS = Path(__file__).parent / "dashboards"
COLUMNS = 24
"""The width of Grafana's grid."""
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
CHOSEN = 'api=~"$api"'
SECONDS_A_DAY = 86400


# Expressions


def rate(metric: str, *by: str, where: str = "") -> str:
    """Per second, summed by labels."""
    return f"sum by ({', '.join(by)}) (rate({selected(metric, where)}[$__rate_interval]))"


def total(metric: str, *by: str, where: str = "") -> str:
    """How often within the dashboard's time range, summed by labels.

    ``increase`` alone starts from a series' first sample and so misses the calls that created it: the one
    call a month of a forgotten consumer would never show. What was not there when the range began is
    therefore taken whole.
    """
    series = selected(metric, where)
    new = f"({series} unless {series} offset $__range)"
    return f"sum by ({', '.join(by)}) ({new} or increase({series}[$__range]))"


def quantile(share: float, metric: str, *by: str) -> str:
    """The time that this share of the requests stayed below."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', 'le', *by)})"


def ratio(part: str, whole: str) -> str:
    """A part of a whole with the same labels: 0 where there is no part, nothing where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def selected(metric: str, where: str = "") -> str:
    return f"{metric}{{{', '.join(part for part in (CHOSEN, where) if part)}}}"


# Panels


def query(expression: str, legend: str = "", ref: str = "A", **how: Any) -> Json:
    """One query of a panel: over time, unless ``how`` says otherwise."""
    form = {"range": True, "instant": False, "format": "time_series", **how}
    return {"datasource": DATASOURCE, "expr": expression, "legendFormat": legend, "refId": ref, **form}


def panel(kind: str, title: str, description: str, targets: list[Json], unit: str, **more: Any) -> Json:
    """What all panels have in common. ``more`` joins the panel's own keys."""
    defaults = {"unit": unit, **more.pop("defaults", {})}
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        **more,
    }


def stat(title: str, description: str, target: Json, unit: str, **defaults: Any) -> Json:
    """One large number for each series."""
    return panel(
        "stat",
        title,
        description,
        [{**target, "range": False, "instant": True}],
        unit,
        defaults=defaults,
        options={
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "value_and_name",
        },
    )


def lines(title: str, description: str, targets: list[Json], unit: str, **custom: Any) -> Json:
    """Curves over time. ``custom`` is how they are drawn."""
    return panel(
        "timeseries",
        title,
        description,
        targets,
        unit,
        defaults={"min": 0, "custom": {"lineWidth": 2, "fillOpacity": 10, "showPoints": "auto", **custom}},
        options={
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def table(
    title: str, description: str, expression: str, labels: list[str], value: Json, *, descending: bool
) -> Json:
    """The present values of an expression: its labels as columns, and the number last."""
    name = value["matcher"]["options"]
    return panel(
        "table",
        title,
        description,
        [query(expression, range=False, instant=True, format="table")],
        "none",
        overrides=[value],
        transformations=[
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": {label: index for index, label in enumerate([*labels, "Value"])},
                    "renameByName": {"Value": name},
                },
            }
        ],
        options={
            "showHeader": True,
            "cellHeight": "sm",
            "sortBy": [{"displayName": name, "desc": descending}],
        },
    )


def number(name: str, unit: str, more: Json | None = None) -> Json:
    """A table's column of numbers. ``more`` are Grafana's field properties by their ids."""
    properties = {"unit": unit, "decimals": 0, **(more or {})}
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def steps(*pairs: tuple[float | None, str]) -> Json:
    """Colours from a value on; ``None`` is from below."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


# The dashboard


REQUESTS = "duskgate_requests_total"
DEPRECATED = "duskgate_deprecated_requests_total"
REFUSED = "duskgate_refused_total"
SUNSET = "duskgate_sunset_timestamp_seconds"
ENDING = 'phase=~"deprecated|sunset|removed"'
"""Requests for what is deprecated or gone: answered and refused ones alike."""


def share_now() -> Json:
    return stat(
        "Deprecated share of traffic",
        "How much of each API's traffic in the chosen time range asked for something that is deprecated or "
        "gone, whether it was answered or refused. A migration is over when this is 0.",
        query(ratio(total(REQUESTS, "api", where=ENDING), total(REQUESTS, "api")), "{{api}}"),
        "percentunit",
        min=0,
        max=1,
        decimals=1,
        noValue="no traffic",
        thresholds=steps((None, "green"), (0.001, "orange"), (0.25, "red")),
    )


def refused_total() -> Json:
    return stat(
        "Refused calls",
        "Calls in the chosen time range that were answered 410 or 404 because a sunset, a removal or a "
        "brownout was on.",
        query(total(REFUSED, "api"), "{{api}}"),
        "short",
        min=0,
        decimals=0,
        noValue="none",
        thresholds=steps((None, "green"), (1, "orange")),
    )


def days_to_sunset() -> Json:
    dates = f"min by (api, version, endpoint) ({selected(SUNSET)})"
    return table(
        "Days to each sunset",
        "Days until a version or endpoint starts to answer 410; the endpoint * is the whole version. Orange "
        "below 60 days, red below 14; a negative number in grey counts the days since.",
        f"({dates} - time()) / {SECONDS_A_DAY}",
        ["api", "version", "endpoint"],
        number(
            "days left",
            "d",
            {
                "custom.cellOptions": {"type": "color-text"},
                "thresholds": steps((None, "text"), (0, "red"), (14, "orange"), (60, "green")),
            },
        ),
        descending=False,
    )


def share_over_time() -> Json:
    return lines(
        "Deprecated share over time",
        "The share of each API's requests that asked for something deprecated or gone. It should fall in "
        "steps, after each announcement and brownout.",
        [query(ratio(rate(REQUESTS, "api", where=ENDING), rate(REQUESTS, "api")), "{{api}}")],
        "percentunit",
    )


def requests_by_version() -> Json:
    return lines(
        "Requests by version",
        "Requests a second that each version got. The version none is requests that named no version, or "
        "one that does not exist.",
        [query(rate(REQUESTS, "api", "version"), "{{api}} {{version}}")],
        "reqps",
        stacking={"mode": "normal", "group": "A"},
    )


def top_consumers() -> Json:
    labels = ["consumer", "api", "version", "endpoint"]
    return table(
        "Top consumers of what is deprecated",
        "Whose calls were answered by something deprecated in the chosen time range: whom to talk to. Known "
        "consumers appear by the name they have in the YAML, busy unknown ones by a digest, the rest as "
        "other.",
        f"topk(25, {total(DEPRECATED, *labels)})",
        labels,
        number("calls", "short"),
        descending=True,
    )


def refused_consumers() -> Json:
    labels = ["consumer", "api", "version", "endpoint", "reason"]
    return table(
        "Who was refused",
        "Whose calls were refused in the chosen time range, and why: sunset, removed, or a brownout. These "
        "callers see errors.",
        f"topk(25, {total(REFUSED, *labels)})",
        labels,
        number("calls", "short"),
        descending=True,
    )


def refused_over_time() -> Json:
    return lines(
        "Refused calls over time",
        "Calls a second that were refused because of a lifecycle, by reason.",
        [query(rate(REFUSED, "api", "version", "reason"), "{{api}} {{version}} {{reason}}")],
        "reqps",
    )


def latency() -> Json:
    request, upstream = "duskgate_request_duration_seconds", "duskgate_upstream_duration_seconds"
    return lines(
        "Latency, 99th percentile",
        "The time that 99 of 100 requests stayed below: as callers saw it to the end of the answer, and the "
        "backend's part of it up to the start of its answer.",
        [
            query(quantile(0.99, request, "api", "version"), "{{api}} {{version}}"),
            query(quantile(0.99, upstream, "api", "version"), "{{api}} {{version}} backend", ref="B"),
        ],
        "s",
        fillOpacity=0,
    )


ROWS = (
    (5, ((6, share_now), (6, refused_total), (12, days_to_sunset))),
    (9, ((12, requests_by_version), (12, share_over_time))),
    (10, ((12, top_consumers), (12, refused_consumers))),
    (8, ((12, refused_over_time), (12, latency))),
)
"""Heights, and widths of the panels in them, from the top."""


def variables() -> list[Json]:
    datasource = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
    }
    api = {
        "name": "api",
        "label": "API",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": f"label_values({REQUESTS}, api)", "refId": "api"},
        "refresh": 2,  # whenever the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
    }
    return [datasource, api]


def placed() -> list[Json]:
    """The panels, each with its place in the grid and a number."""
    panels: list[Json] = []
    top = 0
    for height, row in ROWS:
        left = 0
        for width, build in row:
            place = {"x": left, "y": top, "w": width, "h": height}
            panels.append({"id": len(panels) + 1, "gridPos": place, **build()})
            left += width
        top += height
    return panels


def deprecation_overview() -> Json:
    return {
        "uid": "duskgate-deprecation",
        "title": "Deprecation overview",
        "description": "Who still calls what is going away, and how long they have.",
        "tags": ["duskgate"],
        "schemaVersion": 39,
        "editable": False,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "timezone": "utc",  # lifecycles are written in UTC
        "templating": {"list": variables()},
        "panels": placed(),
    }


def files() -> dict[Path, str]:
    """Every dashboard's file and what belongs into it."""
    return {DASHBOARDS / "deprecation-overview.json": json.dumps(deprecation_overview(), indent=2) + "\n"}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
