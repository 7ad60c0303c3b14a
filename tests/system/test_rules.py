"""Recording and alert rules: as promtool sees them, and on a real gateway in which much is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.rules import ALERTS, RULES
from tests.running import Gateway, eventually
from tests.system.conftest import Prometheus
from tests.system.promtool import promtool
from tests.system.world import call_everything

pytestmark = pytest.mark.system

TESTS = sorted((Path(__file__).parent / "rules").glob("*.yml"))
TESTED: list[dict[str, Any]] = [
    one
    for path in TESTS
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    for one in group.get("alert_rule_test", ())
]

EXPECTED = {
    ("DuskgateSunsetNear", "14d"),
    ("DuskgateCriticalConsumerLeft", ""),
    ("DuskgateGraceExpiring", ""),
    ("DuskgateCallsAfterSunset", ""),
    ("DuskgateCriticalConsumerRefused", ""),
    ("DuskgateGateHoldsSunset", ""),
    ("DuskgateFlagErrors", ""),
    ("DuskgateShadowDiffers", ""),
    ("DuskgateTargetDown", ""),
    ("DuskgateBackendErrors", ""),
    ("DuskgateGuardTripped", ""),
}
"""What world.py has to be warned of, and nothing else."""


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_promtool_finds_no_fault_in_a_file_of_rules(path: Path) -> None:
    assert promtool("check", "rules", str(path)) == ""


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    assert promtool("test", "rules", str(path)) == ""


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_is_tested_firing_and_silent(alert: dict[str, Any]) -> None:
    cases = [one["exp_alerts"] for one in TESTED if one["alertname"] == alert["alert"]]
    assert [] in cases
    fired = [one["exp_labels"] for case in cases for one in case]
    assert any(alert["labels"].items() <= labels.items() for labels in fired)


def test_a_real_gateway_sets_off_the_alerts_it_should_and_no_other(
    served: Gateway, prometheus: Prometheus
) -> None:
    def active() -> set[tuple[str, str]]:
        call_everything(served)
        alerts = prometheus.get("alerts")["alerts"]
        return {(one["labels"]["alertname"], one["labels"].get("within", "")) for one in alerts}

    eventually(lambda: active() >= EXPECTED or None, f"all of {EXPECTED}", 50)
    assert active() == EXPECTED


def test_no_rule_fails_on_real_series(served: Gateway, prometheus: Prometheus) -> None:
    def rules() -> list[Any] | None:
        found = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    assert {rule.get("lastError", "") for rule in eventually(rules, "all rules evaluated")} == {""}
