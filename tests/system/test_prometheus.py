"""The scrape and the metrics page, judged by Prometheus' own tools."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.running import Gateway, eventually
from tests.system.conftest import prometheus_yaml
from tests.system.promtool import promtool
from tests.system.world import call_everything

pytestmark = pytest.mark.system


def test_the_deployed_configuration_is_valid(tmp_path: Path) -> None:
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
