"""``duskgate report``: what it tells of a known ledger, in each of its forms.

``report/report.*`` are what it says of ``report/gateway.yaml``; ``DUSKGATE_UPDATE=1`` writes them anew; read
the difference before you keep it.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from duskgate.cli.main import main
from duskgate.cli.report_formats import FIELDS, MOST_LISTED, csv_cell, markdown
from duskgate.usage.ledger.tables import DAY, HOUR, Key
from duskgate.usage.ledger.write import Row
from tests.cli.test_plan import kept
from tests.policy.world import ms, rule
from tests.usage.ledger.world import put, row

HERE = Path(__file__).parent / "report"
NOW = ms("2026-11-24T12:00:00")
AT = "2026-11-24T12:00:00Z"

OLD = Key("accounts", "*", "v1", "acme", "forwarded", "2xx", "curl")
AVATAR = OLD._replace(endpoint="/users/{id}/avatar")
NEW = OLD._replace(version="v2")
BILLED = OLD._replace(api="billing")
STRANGER = "~0123456789abcdef01234567"


def past() -> Iterator[Row]:
    """Eight weeks: acme calls less by one every day, and every other falls silent sooner or later."""
    yield row(NEW, ms("2026-09-28T23:00:00"))
    for day in range(56):
        at = ms("2026-09-29T10:00:00") + day * DAY
        yield row(OLD, at, 100 - day)
        yield row(NEW, at, 20 + day)
        yield row(BILLED._replace(version="v2"), at, 99)
        if day < 50:
            yield row(OLD._replace(consumer="beta"), at + HOUR, 5)
        if day < 20:
            yield row(OLD._replace(consumer="gamma"), at + HOUR, 9)
        if day == 55:
            yield row(OLD._replace(consumer=STRANGER), at, 3)
            yield row(OLD._replace(consumer="anonymous"), at, 2)
            yield row(AVATAR, at, 4)
            yield row(AVATAR._replace(consumer="beta", outcome="refused", code="4xx"), at, 6)
            yield row(BILLED, at, 1)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = Path(shutil.copy(HERE / "gateway.yaml", tmp_path / "gateway.yaml"))
    put(f"sqlite:///{tmp_path / 'duskgate.db'}", list(past()), now=NOW)
    return path


def run(config: Path, *arguments: str, at: str = AT) -> Result:
    result = CliRunner().invoke(main, ["report", str(config), "--at", at, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(config: Path, *arguments: str, at: str = AT) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(config, "--json", *arguments, at=at).stdout)
    return found


def line(config: Path, *arguments: str, at: str = AT) -> dict[str, Any]:
    found: dict[str, Any] = told(config, *arguments, at=at)["lines"][0]
    return found


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_the_forms(config: Path, form: str) -> None:
    result = run(config, "--format", form)
    assert result.exit_code == 1
    kept(result.stdout.replace("\r\n", "\n"), HERE / f"report.{form}")


def test_json_has_two_names(config: Path) -> None:
    assert run(config, "--json").stdout == run(config, "--format", "json").stdout


# what is in it


def test_a_version_has_all_its_calls_and_an_endpoint_its_own(config: Path) -> None:
    found = {(one["api"], one["version"], one["endpoint"]): one for one in told(config)["lines"]}
    whole = found["accounts", "v1", "*"]
    days = range(28, 56)
    assert whole["calls"] == sum(100 - day for day in days) + 22 * 5 + 3 + 2 + 4 + 6
    assert found["accounts", "v1", "/users/{id}/avatar"]["calls"] == 10
    assert found["accounts", "v1", "/users/{id}/avatar"]["refused"] == 6
    assert [one["consumer"] for one in whole["consumers"]] == ["acme", "beta", STRANGER, "anonymous"]
    assert (whole["consumers_left"], whole["critical_left"], whole["unnamed_left"]) == (4, 1, 1)


def test_the_last_days_and_those_before(config: Path) -> None:
    found = line(config, "--api", "billing", "--version", "v1", "--days", "7")
    assert found["calls_a_day"] == 0.14
    assert found["calls_a_day_before"] == 0.0
    found = line(config, "--version", "v1")
    assert found["calls_a_day_before"] == round(
        (sum(100 - day for day in range(28)) + 28 * 5 + 20 * 9) / 28, 2
    )


def test_before_the_ledger_begins_there_is_no_before(config: Path) -> None:
    found = line(config, "--version", "v1", "--days", "29")
    assert found["calls_a_day_before"] is None
    assert found["calls_a_day"] is not None


def test_since_is_a_day(config: Path) -> None:
    since = told(config, "--since", "2026-11-17T22:00:00Z")
    assert since["since"] == "2026-11-17T00:00:00Z"
    assert since["lines"] == told(config, "--days", "7")["lines"]


def test_where_a_line_meets_zero(config: Path) -> None:
    """Of two who call less and less in steps of one the line is exact."""
    found = line(config, "--version", "v1", "--since", "2026-11-10", at="2026-11-18T12:00:00Z")
    assert found["projected_zero"] is not None
    rising = told(config, "--api", "billing")["lines"][0]
    assert rising["projected_zero"] is None, "the one call came on the last day"


def test_who_was_told(config: Path) -> None:
    before = line(config, "--version", "v1")
    assert (before["not_told"], before["without_contact"]) == (["acme", "beta"], ["beta"])
    for name in ("acme", "beta"):
        assert (
            CliRunner().invoke(main, ["switch", "notified", "accounts/v1", name, str(config)]).exit_code == 0
        )
    after = line(config, "--version", "v1")
    assert after["not_told"] == []
    assert [one["told"] for one in after["consumers"]] == [True, True, False, False]


def test_a_caller_who_has_a_name_by_now_is_called_by_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUSKGATE_IDENTITY_KEY", "k" * 32)
    from duskgate.config import load

    known = load(config).plan.identity.known
    (label,) = [f"~{mark.hex()}" for (_, mark), name in known.items() if name == "beta"]
    url = f"sqlite:///{config.parent / 'duskgate.db'}"
    put(url, [row(BILLED._replace(consumer=label), NOW - HOUR, 7)], now=NOW)
    assert [one["consumer"] for one in line(config, "--api", "billing")["consumers"]] == ["acme", "beta"]


def test_many_strangers_are_counted_and_few_listed(config: Path) -> None:
    url = f"sqlite:///{config.parent / 'duskgate.db'}"
    put(url, [row(OLD._replace(consumer=f"~{number:024x}"), NOW - HOUR) for number in range(200)], now=NOW)
    found = line(config, "--version", "v1")
    assert found["unnamed_left"] == 201
    assert len(found["consumers"]) == 2 + MOST_LISTED


# is it safe

VERDICTS = [
    ("somebody called", ["--api", "accounts", "--version", "v1", "--days", "1"], AT, "unsafe", 1),
    ("nobody called", ["--api", "accounts", "--version", "v1", "--days", "3"], "2026-12-02", "safe", 0),
    ("removed", ["--api", "accounts", "--version", "v0"], AT, "off", 0),
    ("the gate is not met", ["--api", "billing", "--version", "v1"], AT, "unsafe", 1),
    ("the gate is met", ["--api", "billing", "--version", "v1"], "2026-12-05T00:00:00Z", "safe", 0),
    ("the ledger is too young", ["--version", "v1", "--days", "60"], "2026-11-30T12:00:00Z", "unsafe", 1),
]


@pytest.mark.parametrize(
    ("arguments", "at", "verdict", "status"), [one[1:] for one in VERDICTS], ids=[one[0] for one in VERDICTS]
)
def test_the_exit_status_says_whether_it_is_safe(
    config: Path, arguments: list[str], at: str, verdict: str, status: int
) -> None:
    assert line(config, *arguments, at=at)["verdict"] == verdict
    result = run(config, *arguments, at=at)
    assert result.exit_code == status
    assert told(config, *arguments, at=at)["safe"] is (status == 0)


def test_of_what_the_ledger_does_not_reach_back_to_nothing_is_known(config: Path) -> None:
    found = told(config, "--version", "v1", "--days", "60")["lines"]
    (young,) = [one for one in found if one["endpoint"] == "/users/{id}/a|b"]
    assert young["verdict"] == "unknown"
    assert young["reasons"][0].startswith("the ledger begins at 2026-09-28T23:00:00Z")


def test_an_empty_ledger_proves_nothing(config: Path) -> None:
    (config.parent / "duskgate.db").unlink()
    put(f"sqlite:///{config.parent / 'duskgate.db'}", [])
    assert run(config).exit_code == 1
    verdicts = [one["verdict"] for one in told(config)["lines"]]
    assert verdicts == ["off", "unknown", "off", "unknown", "unknown"]


def test_where_nothing_ends_all_is_well(config: Path) -> None:
    for form, said in (("table", "nothing ends\n"), ("csv", ",".join(FIELDS) + "\n")):
        result = run(config, "--version", "v2", "--format", form)
        assert (result.exit_code, result.stdout.replace("\r\n", "\n")) == (0, said)
    assert "Nothing ends." in run(config, "--version", "v2", "--format", "markdown").stdout


# wrong input

WRONG = [
    (["--api", "acounts"], "did you mean 'accounts'?"),
    (["--version", "v9"], "--version: there is no version 'v9'"),
    (["--api", "billing", "--version", "v0"], "--version: there is no version 'v0'"),
    (["--since", "soon"], "--since: 'soon' is not a date"),
    (["--since", "2026-11-24"], "--since: must be a day between"),
    (["--since", "2027-11-24"], "--since: must be a day between"),
    (["--since", "2026-11-01", "--days", "3"], "give one of them"),
    (["--days", "0"], "'--days': 0 is not in the range"),
    (["--json", "--format", "csv"], "give one of them"),
    (["--format", "xml"], "'xml' is not one of"),
    (["--enough", "3"], "--enough goes with --shadow only"),
    (["--shadow", "--days", "3"], "--shadow goes with --enough and --json only"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[" ".join(case[0]) for case in WRONG])
def test_wrong_input(config: Path, arguments: list[str], said: str) -> None:
    result = run(config, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_without_a_ledger_nothing_can_be_told(config: Path) -> None:
    (config.parent / "duskgate.db").write_bytes(b"no database at all, but long enough to look like one" * 9)
    assert "the ledger cannot be read" in run(config).stderr
    (config.parent / "duskgate.db").unlink()
    assert "there is no ledger at" in run(config).stderr
    config.write_text(config.read_text().replace("ledger: {}\n", ""))
    result = run(config)
    assert (result.exit_code, "keeps no ledger of who calls" in result.stderr) == (2, True)


def test_broken_switches_are_wrong_input(config: Path) -> None:
    (config.parent / "switches.json").write_text("{")
    result = run(config)
    assert (result.exit_code, "not JSON" in result.stderr) == (2, True)


# nothing in the YAML or the ledger does anything to whoever reads the report

HOSTILE = "=1+1\x1b[31m|x"


def test_hostile_names_stay_text(config: Path) -> None:
    put(f"sqlite:///{config.parent / 'duskgate.db'}", [row(OLD._replace(consumer=HOSTILE), NOW - HOUR, 999)])
    config.write_text(config.read_text().replace("/users/{id}/a|b", "/=1+1[31m|x"))
    table = run(config).stdout
    assert "\x1b" not in table
    assert "called since 2026-10-27T00:00:00Z by acme, =1+1\ufffd[31m|x, beta" in table
    shown = run(config, "--format", "markdown").stdout
    assert "=1+1\ufffd\\[31m\\|x (999)" in shown
    assert "| accounts v1 /=1+1\\[31m\\|x |" in shown
    assert "\x1b" not in run(config, "--format", "csv").stdout
    assert "\x1b" not in run(config, "--json").stdout


@given(st.text(st.characters()))
@rule
def test_no_cell_is_a_formula(text: str) -> None:
    cell = csv_cell(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert cell.isprintable()
    file = io.StringIO()
    csv.writer(file).writerow([cell, "next"])
    assert next(csv.reader(io.StringIO(file.getvalue()))) == [cell, "next"]


@pytest.mark.parametrize("text", ["=1+1", "-2", "@SUM(A1)", "\t=1", " =1", "\uff1d1"])
def test_formulas_become_texts(text: str) -> None:
    assert str(csv_cell(text)).startswith("'")
    assert csv_cell([text, "x"]) == f"{csv_cell(text)}; x"
    assert csv_cell(-3) == -3, "a number of our own stays one"


@given(st.text(st.characters()))
@rule
def test_no_text_is_markup(text: str) -> None:
    cell = markdown(text)
    assert cell.isprintable()
    for char in "|`*_[]<>~&":
        assert cell.replace("\\\\", "").replace(f"\\{char}", "").count(char) == 0
