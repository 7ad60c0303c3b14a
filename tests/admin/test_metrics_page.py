"""What the plan adds to the metrics page, and what it takes off it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from duskgate.admin.counted import OF_TARGETS
from duskgate.admin.following import Following
from duskgate.admin.keeper import Standing
from duskgate.admin.metrics import PlanCollector
from duskgate.admin.page import CountedCollector
from duskgate.config import loads
from duskgate.config.current import Current
from duskgate.policy.accept import Verdict
from duskgate.policy.switches import Judged
from tests.policy.world import ms

CONFIG = loads(
    """
identity: [{header: X-Api-Key, secret: true}]
consumers:
  acme: {match: {X-Api-Key: acme-key}, critical: true}
  rare: {match: {X-Api-Key: rare-key}}
backends: {b: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    versions:
      v1:
        backend: b
        lifecycle:
          deprecated: 2026-01-01
          sunset: 2026-06-01
          grace: [{consumer: rare, until: 2026-07-01, owner: jane, reason: contract}]
      v2: {backend: b}
    endpoints:
      - {path: /users, methods: [GET], versions: {v1: {lifecycle: {sunset: 2026-05-01}}}}
      - {path: /users, methods: [PUT], versions: {v1: {lifecycle: {sunset: 2026-04-01}}}}
""",
    Path("gateway.yaml"),
    {},
)
GATE = ("accounts", "v1", "*")


def series(*standing: Standing) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Each series and its value; none twice, which Prometheus would drop."""
    collector = PlanCollector(Following(Current(CONFIG)), standing)
    found = [
        ((one.name, tuple(sorted(one.labels.items()))), one.value)
        for metric in collector.collect()
        for one in metric.samples
    ]
    assert max(Counter(key for key, _ in found).values()) == 1
    return dict(found)


def place(endpoint: str = "*", **more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"api": "accounts", "endpoint": endpoint, "version": "v1", **more}.items()))


def test_consumers_are_named_with_whether_they_are_critical() -> None:
    found = {labels: value for (name, labels), value in series().items() if name == "duskgate_consumer_info"}
    assert found == {
        (("consumer", "acme"), ("critical", "true")): 1,
        (("consumer", "rare"), ("critical", "false")): 1,
    }


def test_of_endpoints_with_the_same_path_the_earliest_dates_count() -> None:
    found = series()
    assert found["duskgate_sunset_timestamp_seconds", place()] == ms("2026-06-01") / 1000
    assert found["duskgate_sunset_timestamp_seconds", place("/users")] == ms("2026-04-01") / 1000
    assert found["duskgate_deprecation_timestamp_seconds", place("/users")] == ms("2026-01-01") / 1000
    graced = found["duskgate_grace_end_timestamp_seconds", place("/users", consumer="rare")]
    assert graced == ms("2026-07-01") / 1000


def test_a_gate_stands_on_the_page_once() -> None:
    gate = Standing(GATE, Judged(Verdict.UNMET), holding=True)
    found = series(gate, gate)
    assert found["duskgate_gate_holding", place()] == 1
    assert {value: found["duskgate_gate_verdict", place(verdict=value)] for value in Verdict} == {
        Verdict.MET: 0,
        Verdict.UNMET: 1,
        Verdict.UNKNOWN: 0,
    }


def test_of_gates_of_several_methods_the_worst_is_on_the_page() -> None:
    api, version, endpoint = GATE
    gates = [
        Standing((api, version, f"{method} {endpoint}"), Judged(verdict), holding)
        for method, verdict, holding in (("GET", Verdict.MET, True), ("PUT", Verdict.UNKNOWN, False))
    ]
    found = series(*gates)
    assert found["duskgate_gate_holding", place()] == 1
    assert [value for value in Verdict if found["duskgate_gate_verdict", place(verdict=value)]] == [
        Verdict.UNKNOWN
    ]


DOWN = """
from duskgate.usage.backends import BackendMetrics
from duskgate.usage.instruments import Instruments
seen = BackendMetrics(Instruments())
seen.probing("b", ["http://127.0.0.1:9001", "http://127.0.0.1:9009"])
seen.health("b", "http://127.0.0.1:9009", up=False)
"""


def test_a_target_that_is_no_more_is_not_down(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", DOWN], env=environment, check=True)
    metrics = {one.name: one for one in CountedCollector(tmp_path, lambda: CONFIG.plan).collect()}
    found = {one.labels["target"]: one.value for one in metrics[OF_TARGETS].samples}
    assert found == {"http://127.0.0.1:9001": 1}
