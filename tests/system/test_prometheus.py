"""The metrics, the scrape and the dashboard's queries, judged by Prometheus itself."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.running import Gateway, eventually, installed
from tests.system.conftest import DEPLOY, Prometheus, prometheus_yaml

pytestmark = pytest.mark.system

CALLS = (
    ("/api/v1/users/42", 200),
    ("/api/v2/users/42", 200),
    ("/api/v1/users/42/avatar", 410),
    ("/api/v9/users/42", 404),
    ("/elsewhere", 404),
)
"""At least one of every kind that a panel shows."""

VARIABLES = {"$api": ".+", "$__rate_interval": "2s", "$__range": "1h"}

DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
PANELS: list[dict[str, Any]] = [
    panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]
]
TARGETS: list[Any] = [
    pytest.param(target, id=f"{panel['title']} {target['refId']}")
    for panel in PANELS
    for target in panel["targets"]
]


def call_everything(served: Gateway) -> None:
    for path, status in CALLS:
        assert served.get(path, **{"X-Api-Key": "acme-key"}).status_code == status


def run(prometheus: Prometheus, target: dict[str, Any]) -> list[Any]:
    """A panel's query as Grafana would send it."""
    query = target["expr"]
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    if target["instant"]:
        return prometheus.ask("query", query=query)
    now = time.time()
    return prometheus.ask("query_range", query=query, start=now - 60, end=now, step=1)


def panel(title: str) -> dict[str, Any]:
    """The only target of a panel."""
    (target,) = next(panel["targets"] for panel in PANELS if panel["title"] == title)
    found: dict[str, Any] = target
    return found


def promtool(*arguments: str, text: str = "") -> str:
    """What promtool objects to; nothing if all is well."""
    command = [installed("promtool"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def test_the_deployed_scrape_configuration_is_valid(tmp_path: Path) -> None:
    token = tmp_path / "admin_token"
    token.write_text("a-token")
    config = tmp_path / "prometheus.yml"
    config.write_text(yaml.safe_dump(prometheus_yaml(token)))
    assert promtool("check", "config", str(config)) == ""


def test_the_metrics_page_follows_prometheus_rules(served: Gateway) -> None:
    call_everything(served)
    page = eventually(lambda: _page_with(served, "duskgate_refused_total{"), "the calls on /metrics")
    assert promtool("check", "metrics", text=page) == ""


def _page_with(served: Gateway, text: str) -> str | None:
    page = served.metrics()
    return page if text in page else None


@pytest.mark.parametrize("target", TARGETS)
def test_a_panels_query_returns_data(target: dict[str, Any], served: Gateway, prometheus: Prometheus) -> None:
    def look() -> list[Any] | None:
        call_everything(served)
        return run(prometheus, target) or None

    for series in eventually(look, f"data for {target['expr']}"):
        samples = [series["value"]] if target["instant"] else series["values"]
        assert "NaN" not in samples[-1][1]


def test_one_call_of_a_forgotten_consumer_shows(served: Gateway, prometheus: Prometheus) -> None:
    served.get("/api/v1/users/42", **{"X-Api-Key": "rare-key"})

    def calls() -> str | None:
        found = run(prometheus, panel("Top consumers of what is deprecated"))
        return next((one["value"][1] for one in found if one["metric"]["consumer"] == "rare"), None)

    assert eventually(calls, "the consumer in the table") == "1"


def test_days_to_sunset_are_those_of_the_yaml(served: Gateway, prometheus: Prometheus) -> None:
    target = panel("Days to each sunset")
    found = eventually(lambda: run(prometheus, target) or None, "sunsets")
    days = {one["metric"]["endpoint"]: float(one["value"][1]) for one in found}
    assert set(days) == {"*", "/users/{id}/avatar"}
    assert days["*"] > 0 > days["/users/{id}/avatar"]
    years = (days["*"] - days["/users/{id}/avatar"]) / 365.2425
    assert round(years) == 2099 - 2021
