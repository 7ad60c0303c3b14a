"""``duskgate rehearse``: what it prints, and its exit status.

``rehearse/rehearse.txt`` and ``.json`` are what it tells of ``rehearse/gateway.yaml``; ``DUSKGATE_UPDATE=1``
writes them anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from duskgate.cli.main import main
from duskgate.middleware.clock import system_clock
from duskgate.policy.instants import rfc3339
from duskgate.usage.ledger.tables import DAY, Key
from tests.cli.test_plan import kept
from tests.usage.ledger.world import put, row

HERE = Path(__file__).parent / "rehearse"
NOW = system_clock()
"""The ledger's last days are those before the real now."""

LATELY = NOW - DAY // 2

KEY = Key("accounts", "*", "v1", "acme", "forwarded", "2xx", "curl")
BOTH = KEY._replace(endpoint="/both")
STRANGER = "~0123456789abcdef01234567"
USED = [
    row(KEY, LATELY, 10),
    row(KEY._replace(consumer="beta"), LATELY, 60),
    row(KEY._replace(consumer="beta", outcome="brownout", code="4xx"), LATELY, 20),
    row(KEY._replace(consumer=STRANGER), LATELY, 5),
    row(KEY._replace(consumer="other"), LATELY, 4),
    row(KEY._replace(version="v2"), LATELY, 100),
    row(BOTH._replace(consumer="beta"), LATELY, 3),
    row(KEY._replace(api="none", version="none", endpoint="none", outcome="rejected"), LATELY, 8),
    row(KEY, NOW - 50 * DAY, 1000),
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = Path(shutil.copy(HERE / "gateway.yaml", tmp_path / "gateway.yaml"))
    put(f"sqlite:///{tmp_path / 'duskgate.db'}", USED, now=NOW)
    return path


def run(config: Path, at: str, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["rehearse", str(config), "--at", at, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(config: Path, at: str, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(config, at, "--json", *arguments).stdout)
    return found


def timeless(text: str) -> str:
    """What is written, whenever it is: the ledger's days are those before now."""
    return re.sub(r"20[0-8]\d-\d\d-\d\dT[\d:.]+Z", "LATELY", text)


@pytest.mark.parametrize(("form", "options"), [("txt", []), ("json", ["--json"])])
def test_the_sample(config: Path, form: str, options: list[str]) -> None:
    result = run(config, "2099-04-02T12:00:00Z", *options)
    assert result.exit_code == 1
    kept(timeless(result.stdout), HERE / f"rehearse.{form}")


def test_critical_consumers_come_first(config: Path) -> None:
    found = told(config, "2099-09-01")
    assert [one["consumer"] for one in found["refused"]] == ["acme", "beta", STRANGER, "other", "beta"]
    assert found["calls"] == 202
    assert found["calls_refused"] == 102
    assert found["calls_unplaced"] == 8
    beta = found["refused"][1]
    assert (beta["calls"], beta["refused_already"], beta["share"]) == (80, 20, round(80 / 202, 6))


def test_only_the_last_days_count(config: Path) -> None:
    assert told(config, "2099-09-01", "--days", "60")["calls"] == 1202
    assert told(config, "2099-09-01", "--days", "1")["calls"] == 202


def test_where_nobody_is_refused_the_exit_status_is_0(config: Path) -> None:
    result = run(config, "2099-03-01")
    assert result.exit_code == 0
    assert "0 of 202 calls (0.0%) would be refused, of 0 consumers" in result.stdout


def test_what_is_not_known_is_no_yes(config: Path) -> None:
    found = run(config, "2099-06-15")
    assert found.exit_code == 1
    assert "hangs on the method" in found.stdout


def test_an_empty_ledger_refuses_nobody_and_says_why(config: Path) -> None:
    (config.parent / "duskgate.db").unlink()
    put(f"sqlite:///{config.parent / 'duskgate.db'}", [])
    result = run(config, "2099-09-01")
    assert (result.exit_code, "note: the ledger is empty" in result.stdout) == (0, True)
    assert "0 of 0 calls would be refused" in result.stdout
    assert told(config, "2099-09-01")["ledger_begins"] is None


def test_holds_and_brownouts_called_off_count(config: Path) -> None:
    hold = ["accounts/v1", str(config), "--until", "2099-08-01", "--reason", "not yet"]
    assert CliRunner().invoke(main, ["switch", "hold", *hold]).exit_code == 0
    assert [one["endpoint"] for one in told(config, "2099-07-20")["refused"]] == []
    assert {one["endpoint"] for one in told(config, "2099-08-20")["refused"]} == {"*", "/both"}
    off = ["off", "accounts/v1", str(config)]
    assert CliRunner().invoke(main, ["switch", "brownouts", *off]).exit_code == 0
    assert told(config, "2099-04-02T12:00:00Z")["refused"] == []


def test_who_came_before_a_freeze_is_looked_up(config: Path) -> None:
    since = NOW - DAY // 4
    put(f"sqlite:///{config.parent / 'duskgate.db'}", [row(KEY._replace(consumer="late"), since + 1, 2)])
    config.write_text(
        config.read_text()
        .replace("redirect: safe", f"redirect: safe, freeze: {{from: '{rfc3339(since)}', mode: enforce}}")
        .replace("deprecated: 2099-02-01", "deprecated: 2020-02-01")
        .replace("  beta:", "  late: {match: {X-Api-Key: l}}\n  beta:")
    )
    found = told(config, "2099-03-01")
    assert [(one["consumer"], one["statuses"], one["reasons"]) for one in found["refused"]] == [
        ("late", [403], ["frozen"])
    ]
    assert [one["consumer"] for one in found["undecided"]] == ["other"]


def test_what_is_taken_for_granted_is_said(config: Path) -> None:
    gate = "redirect: safe, accept: {critical_unseen: 1d, hold_at_most: 1w}"
    config.write_text(
        config.read_text()
        .replace("redirect: safe", gate)
        .replace("default: v1", "default: v1\n    resolve: [path, {flag: new, version: v2}]")
        + "flags: {provider: flagd}\n"
    )
    said = told(config, "2099-07-03")["assumed"]
    assert said == [
        "the gate of accounts/v1 is judged anew until then; as it stands it holds the sunset until "
        "2099-07-08T00:00:00Z",
        "the gate of accounts/v1 GET /both is judged anew until then; as it stands it holds the sunset until "
        "2099-06-08T00:00:00Z",
        "calls of accounts that named no version go where flags sent them when they came",
    ]
    judged: dict[str, object] = {"accounts/v1": {"verdict": "met", "reasons": [], "open": None}}
    (config.parent / "switches.json").write_text(json.dumps({"gates": judged}))
    assert told(config, "2099-07-03")["assumed"][0].endswith("it lets the sunset take effect")
    assert "judged anew" not in str(told(config, "2099-05-01")["assumed"])


WRONG = [
    (["--at", "soon"], "--at: 'soon' is not a date"),
    (["--at", "2099-01-01", "--days", "0"], "0 is not in the range"),
    ([], "Missing option '--at'"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(case[0]) for case in WRONG])
def test_wrong_input(config: Path, arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(main, ["rehearse", str(config), *arguments])
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_without_a_ledger_there_is_nothing_to_replay(config: Path) -> None:
    (config.parent / "duskgate.db").unlink()
    result = run(config, "2099-01-01")
    assert (result.exit_code, "there is no ledger at" in result.stderr) == (2, True)


def test_no_name_in_the_ledger_can_control_a_terminal(config: Path) -> None:
    strange = KEY._replace(consumer="\x1b[31mred", endpoint="/\x1b[2J")
    put(f"sqlite:///{config.parent / 'duskgate.db'}", [row(strange, LATELY)])
    assert "\x1b" not in run(config, "2099-09-01").stdout
    assert "\x1b" not in run(config, "2099-09-01", "--json").stdout
