"""Grafana's panels, as far as the dashboards use them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}


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


def stat(title: str, description: str, target: Json, unit: str, text: str = "", **defaults: Any) -> Json:
    """One large number for each series. ``text`` is what to show of it: value, name, or both."""
    shown = text or ("value_and_name" if target["legendFormat"] else "value")
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
            "textMode": shown,
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


def stacked(title: str, description: str, target: Json, unit: str) -> Json:
    """Curves that stand on each other, as what they are parts of is their sum."""
    return lines(
        title, description, [target], unit, fillOpacity=40, stacking={"mode": "normal", "group": "A"}
    )


def states(title: str, description: str, target: Json, names: Json) -> Json:
    """Bars over time, each as long as something is in one state. ``names``: see ``named``."""
    return panel(
        "state-timeline",
        title,
        description,
        [target],
        "none",
        defaults={"custom": {"fillOpacity": 70, "lineWidth": 0}, **names},
        options={"mergeValues": True, "showValue": "auto", "rowHeight": 0.8},
    )


def table(
    title: str,
    description: str,
    expression: str,
    labels: list[str],
    value: Json,
    *more: Json,
    descending: bool,
) -> Json:
    """The present values of an expression: its labels as columns, and the number last.

    ``value`` is the number's column, ``more`` are others that have properties of their own.
    """
    name = value["matcher"]["options"]
    return panel(
        "table",
        title,
        description,
        [query(expression, range=False, instant=True, format="table")],
        "none",
        overrides=[value, *more],
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
    """A table's column of numbers. ``more``: see ``column``."""
    return column(name, {"unit": unit, "decimals": 0, **(more or {})})


def column(name: str, properties: Json) -> Json:
    """A table's column, with Grafana's field properties by their ids."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def days_column(name: str) -> Json:
    """A table's column of days left."""
    colours = {"custom.cellOptions": {"type": "color-text"}, "thresholds": DAYS}
    return number(name, "d", colours)


def steps(*pairs: tuple[float | None, str]) -> Json:
    """Colours from a value on; ``None`` is from below."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


def named(*names: tuple[int, str, str]) -> Json:
    """Words and colours for the values of a state, as a panel's defaults."""
    options = {str(value): {"text": text, "color": color} for value, text, color in names}
    return {"mappings": [{"type": "value", "options": options}]}


DAYS = steps((None, "text"), (0, "red"), (14, "orange"), (60, "green"))
"""Days until something ends; what is past is grey."""
SHARE_LEFT = steps((None, "green"), (0.001, "orange"), (0.25, "red"))
"""How much is still to be moved."""
ANY = steps((None, "green"), (1, "orange"))
"""None would be best."""
