"""What is understood but has no effect is never silent: each such key is named where it stands."""

import os
from pathlib import Path

from duskgate.config import load

HERE = Path(__file__).parent
WARNINGS = HERE / "pending.txt"


def test_each_key_without_effect_is_named() -> None:
    warnings = load(HERE / "pending.yaml", {}).warnings
    found = "".join(f"{warning}\n" for warning in warnings).replace(f"{HERE}{os.sep}", "")
    if os.environ.get("DUSKGATE_UPDATE") == "1":
        WARNINGS.write_text(found, encoding="utf-8")
    assert found == WARNINGS.read_text(encoding="utf-8")
