"""Golden pairs: each ``bad/x.yaml`` is refused with exactly the text of ``bad/x.txt``.

``DUSKGATE_UPDATE=1`` writes the texts anew; read the difference before you keep it.
"""

import os
from pathlib import Path

import pytest

from duskgate.config import InvalidConfig, load

BAD = Path(__file__).parent / "bad"
UPDATE = os.environ.get("DUSKGATE_UPDATE") == "1"

ENV = {
    "SECRET": "hunter2-hunter2",
    "SECRET_LINE": "hunter2-line\n",
    "SECRET_QUOTES": "hunter2-'quoted\"\\",
    "SECRET_LONGER": "hunter2-hunter2-and-more",
}


def refusal(file: Path) -> str:
    with pytest.raises(InvalidConfig) as refused:
        load(file, ENV)
    return str(refused.value).replace(f"{BAD}{os.sep}", "").replace(str(BAD), ".") + "\n"


@pytest.mark.parametrize("file", sorted(BAD.glob("*.yaml")), ids=lambda file: file.stem)
def test_refused_with_exactly_this(file: Path) -> None:
    found, golden = refusal(file), file.with_suffix(".txt")
    if UPDATE:
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")
    assert "hunter2" not in found


def test_every_text_has_its_yaml() -> None:
    assert {file.stem for file in BAD.glob("*.txt")} == {file.stem for file in BAD.glob("*.yaml")}
