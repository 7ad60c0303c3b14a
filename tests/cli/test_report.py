"""``duskgate report --shadow``: what it says of what is in the store, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from duskgate.cli.main import main
from duskgate.cli.report_shadow import MOST_UNSEEN
from duskgate.proxy.shadow.compare import Difference, Kind
from duskgate.proxy.shadow.noise import Judged, Noise, Place, Verdict
from duskgate.proxy.shadow.store import Store, path_in
from duskgate.proxy.shadow.tally import Batch

YAML = """
server: {state: state}
backends: {old: {url: "http://127.0.0.1:9001"}, new: {url: "http://127.0.0.1:9002"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1: {backend: old, shadow: {to: v2}}
      v2: {backend: new, shadow: {to: v1, compare: false}}
    endpoints:
      - {path: "/users/{id}", methods: [GET], versions: {v1: {lifecycle: {}}}}
      - {path: "/users/{id}", methods: [POST], versions: {v1: {lifecycle: {}}}}
"""
REST: Place = ("accounts", "v1", "v2", "*")
USERS: Place = ("accounts", "v1", "v2", "/users/{id}")
NOW = 1_800_000_000_000
EQUAL, FAILED = Judged(Verdict.EQUAL), Judged(Verdict.FAILED)
AGE = Difference("$.age", Kind.TYPE, "36", '"36"')
TIME = Difference("$.at", Kind.CHANGED)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(YAML)
    return path


def keep(config: Path, place: Place, *judged: Judged, noise: Noise | None = None) -> None:
    batch = Batch()
    for number, one in enumerate(judged):
        batch.add(place, one, NOW + number * 1000)
    store = Store(path_in(config.parent / "state"), NOW)
    store.write(batch, noise or Noise())
    store.close()


def run(config: Path, *more: str) -> Result:
    result = CliRunner().invoke(main, ["report", str(config), "--shadow", *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def data(config: Path, *more: str) -> tuple[int, Any]:
    result = run(config, "--json", *more)
    return result.exit_code, json.loads(result.stdout)


def test_nothing_seen(config: Path) -> None:
    status, report = data(config)
    assert (status, report["ready"]) == (1, False)
    assert [(one["endpoint"], one["readiness"]) for one in report["endpoints"]] == [
        ("*", "unseen"),
        ("/users/{id}", "unseen"),
    ]
    assert report["endpoints"][0]["last_seen"] is None


READINESS: list[tuple[str, list[Judged], str, int]] = [
    ("enough", [EQUAL] * 100, "ready", 0),
    ("not enough", [EQUAL] * 99, "too few", 1),
    ("different long ago", [Judged(Verdict.DIFFERENT, (AGE,)), *[EQUAL] * 100], "ready", 0),
    ("different", [*[EQUAL] * 200, Judged(Verdict.DIFFERENT, (AGE,)), *[EQUAL] * 99], "differs", 1),
    ("failed", [*[EQUAL] * 200, FAILED], "differs", 1),
    ("only undecided", [Judged(Verdict.UNDECIDED)], "too few", 1),
]


@pytest.mark.parametrize(
    ("judged", "readiness", "status"), [case[1:] for case in READINESS], ids=[case[0] for case in READINESS]
)
def test_readiness(config: Path, judged: list[Judged], readiness: str, status: int) -> None:
    keep(config, REST, *judged)
    found, report = data(config)
    assert (found, report["endpoints"][0]["readiness"]) == (status, readiness)
    assert report["ready"] is (status == 0)


def test_every_endpoint_that_was_seen_must_be_ready(config: Path) -> None:
    keep(config, REST, *[EQUAL] * 100)
    keep(config, USERS, *[EQUAL] * 5)
    assert data(config)[0] == 1
    assert data(config, "--enough", "5")[0] == 0


def test_what_differs_is_told_and_noise_is_not(config: Path) -> None:
    noise = Noise()
    noise.learn(USERS, [TIME] * 5, [TIME])
    keep(config, USERS, Judged(Verdict.DIFFERENT, (AGE, TIME)), *[EQUAL] * 3, noise=noise)
    _, report = data(config)
    users = report["endpoints"][1]
    assert (users["equal"], users["different"], users["equal_in_a_row"]) == (3, 1, 3)
    assert users["first_seen"] == "2027-01-15T08:00:00Z"
    assert users["differences"] == [
        {
            "field": "$.age",
            "kind": "type",
            "count": 1,
            "first_seen": "2027-01-15T08:00:00Z",
            "last_seen": "2027-01-15T08:00:00Z",
            "old": "36",
            "new": '"36"',
        }
    ]
    assert users["noise"] == [{"field": "$.at", "kind": "changed"}]


def test_the_table(config: Path) -> None:
    keep(config, USERS, Judged(Verdict.DIFFERENT, (AGE,)), EQUAL)
    hostile = Difference("$.name", Kind.CHANGED, "[red]\x9b31m[/red]", None)
    keep(config, REST, Judged(Verdict.DIFFERENT, (hostile,)))
    result = run(config)
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "accounts │ v1 to v2 │ /users/{id} │ differs │ 1 │ 1 │ 0 │ 1" in text
    assert '$.age │ type │ 1 │ 2027-01-15T08:00:00Z │ 36 became "36"' in text
    assert "[red]\N{REPLACEMENT CHARACTER}31m[/red] became nothing" in text


def test_a_long_list_of_endpoints_without_a_comparison_is_cut(config: Path) -> None:
    endpoints = "".join(
        f"      - {{path: /a{number}, versions: {{v1: {{lifecycle: {{}}}}}}}}\n" for number in range(50)
    )
    config.write_text(YAML + endpoints)
    keep(config, ("accounts", "v1", "v2", "/a49"), EQUAL)
    result = run(config)
    assert f"and {51 - MOST_UNSEEN} more of which nothing was compared" in result.stdout
    assert "/a49" in result.stdout
    assert len(data(config)[1]["endpoints"]) == 52


def test_it_says_what_is_wrong_with_its_input(config: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(config), "--shadow", "--format", "csv"])
    assert (result.exit_code, "--shadow goes with" in result.stderr) == (2, True)
    path = path_in(config.parent / "state")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 100)
    result = run(config)
    assert (result.exit_code, "results.db" in result.stderr) == (2, True)
    config.write_text(YAML.replace(", shadow: {to: v2}", ""))
    result = run(config)
    assert (result.exit_code, "no version has a shadow" in result.stderr) == (2, True)
    config.write_text("apis: {}")
    assert run(config).exit_code == 2
