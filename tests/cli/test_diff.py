"""``duskgate diff``: what it tells of an edit, with and without a ledger.

``diff/diff.txt`` and ``.json`` are what it tells of ``diff/old.yaml`` and ``diff/new.yaml``, ``dates.txt``
without a ledger; ``DUSKGATE_UPDATE=1`` writes them anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from duskgate.cli.main import main
from duskgate.usage.ledger.tables import DAY, Key
from tests.cli.test_plan import kept
from tests.policy.world import ms
from tests.usage.ledger.world import put, row

HERE = Path(__file__).parent / "diff"
NOW = ms("2026-11-24T12:00:00")
AT = "2026-11-24T12:00:00Z"

KEY = Key("accounts", "*", "v1", "acme", "forwarded", "2xx", "curl")
BILLED = KEY._replace(api="billing", consumer="beta")
STRANGER = "~0123456789abcdef01234567"
USED = [
    row(KEY, NOW - DAY, 100),
    row(KEY._replace(consumer="beta"), NOW - DAY, 50),
    row(KEY._replace(consumer="other"), NOW - DAY, 7),
    row(KEY._replace(consumer="beta", endpoint="/users/{id}/avatar"), NOW - DAY, 8),
    row(KEY._replace(consumer="beta", endpoint="/users/{id}"), NOW - DAY, 3),
    row(KEY._replace(version="v2"), NOW - DAY, 70),
    row(BILLED, NOW - DAY, 9),
    row(BILLED._replace(version="v2", consumer=STRANGER), NOW - DAY, 4),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("old.yaml", "new.yaml"):
        shutil.copy(HERE / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def ledger(folder: Path) -> Path:
    put(f"sqlite:///{folder / 'duskgate.db'}", USED, now=NOW)
    return folder


def run(folder: Path, *arguments: str, old: str = "old.yaml", new: str = "new.yaml") -> Result:
    files = [str(folder / old), str(folder / new)]
    result = CliRunner().invoke(main, ["diff", *files, "--at", AT, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(folder: Path, *arguments: str, **files: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(folder, "--json", *arguments, **files).stdout)
    return found


@pytest.mark.parametrize(("form", "options"), [("txt", []), ("json", ["--json"])])
def test_the_sample(ledger: Path, form: str, options: list[str]) -> None:
    result = run(ledger, *options)
    assert result.exit_code == 1
    kept(result.stdout, HERE / f"diff.{form}")


def test_without_a_ledger_dates_alone_are_compared(folder: Path) -> None:
    result = run(folder)
    assert result.exit_code == 1
    kept(result.stdout, HERE / "dates.txt")
    assert told(folder)["effects"] is None


def test_a_ledger_that_cannot_be_read_is_a_warning(folder: Path) -> None:
    (folder / "duskgate.db").write_bytes(b"no database at all, but long enough to look like one" * 9)
    result = run(folder, "--json")
    assert (result.exit_code, json.loads(result.stdout)["effects"]) == (1, None)
    assert "the ledger cannot be read" in result.stderr
    assert "only dates are compared" in result.stderr


def test_the_new_files_ledger_will_do(ledger: Path) -> None:
    whole = told(ledger)["effects"]
    text = (ledger / "old.yaml").read_text()
    (ledger / "old.yaml").write_text(text.replace("ledger: {}", "ledger: {url: 'sqlite:///elsewhere.db'}"))
    assert told(ledger)["effects"] == whole


def test_no_edit_is_no_difference(ledger: Path) -> None:
    result = run(ledger, new="old.yaml")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:3] == ["no date differs", "", "nobody who called lately is hit"]


def test_more_time_for_everybody_is_fine(ledger: Path) -> None:
    text = (ledger / "old.yaml").read_text()
    (ledger / "new.yaml").write_text(text.replace("2027-03-01", "2027-04-01"))
    result = told(ledger)
    assert run(ledger).exit_code == 0
    assert result["shortened"] is False
    assert {one["becomes"]["outcome"] for one in result["effects"]} == {"forwarded"}


def test_what_is_switched_counts_for_both(ledger: Path) -> None:
    hold = ["accounts/v1", str(ledger / "old.yaml"), "--until", "2027-05-20", "--reason", "not yet"]
    assert CliRunner().invoke(main, ["switch", "hold", *hold]).exit_code == 0
    hits = [one for one in told(ledger)["effects"] if one["endpoint"] == "*"]
    sunsets = [one for one in hits if one["becomes"]["reasons"] == ["sunset"] and one["api"] == "accounts"]
    assert sunsets == [], "both are held until the same day"


WRONG = [
    (["--days", "0"], {}, "0 is not in the range"),
    ([], {"new": "none.yaml"}, "none.yaml:1:1: cannot be read"),
    ([], {"old": "broken.yaml"}, "broken.yaml"),
]


@pytest.mark.parametrize(("arguments", "files", "said"), WRONG)
def test_wrong_input(folder: Path, arguments: list[str], files: dict[str, str], said: str) -> None:
    (folder / "broken.yaml").write_text("apis: [")
    result = run(folder, *arguments, **files)
    assert (result.exit_code, said in result.stderr, result.stdout) == (2, True, "")


def test_a_time_that_is_none(folder: Path) -> None:
    result = CliRunner().invoke(
        main, ["diff", str(folder / "old.yaml"), str(folder / "new.yaml"), "--at", "x"]
    )
    assert (result.exit_code, "--at: 'x' is not a date" in result.stderr) == (2, True)


def test_no_name_in_the_ledger_can_control_a_terminal(ledger: Path) -> None:
    put(f"sqlite:///{ledger / 'duskgate.db'}", [row(BILLED._replace(consumer="\x1b[31mred"), NOW - DAY)])
    assert "\x1b" not in run(ledger).stdout
    assert "\ufffd[31mred" in run(ledger).stdout
