"""The rules speak of metrics that exist, and every alert says what is wrong and where to read on."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.deploy.rules import ALERTS, ALL, PROMETHEUS, RECORDED, RULES
from tests.docs.pages import ROOT, anchors, sections

SETTINGS: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
FROM_PROMETHEUS = {"job", "instance"}
"""Labels that a scrape puts on every series."""

by_rule = pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("alert") or rule["record"])
by_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def asked(rule: dict[str, Any]) -> str:
    """All PromQL of a rule: its own, and that in its annotations."""
    notes = " ".join(rule.get("annotations", {}).values())
    return " ".join([rule["expr"], *re.findall(r'printf "(.+?)"\s', notes)])


def test_prometheus_reads_every_file_of_rules() -> None:
    found = {path for pattern in SETTINGS["rule_files"] for path in PROMETHEUS.glob(pattern)}
    assert found == set(RULES)
    assert all(path.suffix == ".yml" for path in (PROMETHEUS / "rules").iterdir())


@by_rule
def test_a_rule_names_only_metrics_and_labels_that_exist(
    rule: dict[str, Any], exposed: dict[str, set[str]]
) -> None:
    text = asked(rule)
    assert set(re.findall(r"\bduskgate_\w+", text)) <= set(exposed)
    assert set(re.findall(r"\bduskgate:[\w:]+", text)) <= RECORDED
    labels = set().union(*exposed.values()) | FROM_PROMETHEUS | {"place"}
    for metric, matchers in re.findall(r"\b(duskgate_\w+)\{([^}]*)\}", text):
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers)) <= exposed[metric]
    for group in re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", text):
        assert {label.strip() for label in group.split(",") if label} <= labels


@by_alert
def test_an_alert_says_how_bad_it_is_and_what_it_is_about(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}


@by_alert
def test_an_alerts_runbook_is_a_section_of_the_docs(alert: dict[str, Any]) -> None:
    path, _, fragment = alert["annotations"]["runbook"].partition("#")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert fragment == alert["alert"].lower()
    assert fragment in anchors(text)
    assert len(sections(text)[alert["alert"]].strip()) > 100


def test_every_alert_in_the_docs_exists() -> None:
    text = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
    explained = {name for name in sections(text) if name.startswith("Duskgate")}
    assert explained == {one["alert"] for one in ALERTS}
