"""The files of recording and alert rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PROMETHEUS = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
GROUPS: list[dict[str, Any]] = [
    group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
]
ALL: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = [rule for rule in ALL if "alert" in rule]
RECORDED = {rule["record"] for rule in ALL if "record" in rule}
