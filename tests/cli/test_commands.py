"""The commands that answer and end: what they print, and their exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duskgate.cli.main import main

YAML = """
flags: {path: flags.json}
consumers: {acme: {match: {X-User-Id: acme}, contact: "mailto:api@acme.example"}}
identity: [{header: X-User-Id}]
backends: {old: {url: "http://127.0.0.1:9001"}, new: {url: "http://127.0.0.1:9002"}}
apis:
  accounts:
    path: /api/{version}
    resolve: [path, {header: Api-Version}, {flag: use-v2, version: v2}]
    default: v1
    versions:
      v1: {backend: old, lifecycle: {deprecated: 2026-03-01, sunset: 2027-01-01, successor: v2}}
      v2: {backend: new}
lifecycles: {spare: {sunset: 2027-01-01}}
"""
FLAGS = {
    "flags": {
        "use-v2": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
            "targeting": {
                "if": [
                    {
                        "and": [
                            {"==": [{"var": "targetingKey"}, "alice"]},
                            {"==": [{"var": "api"}, "accounts"]},
                        ]
                    },
                    "on",
                ]
            },
        }
    }
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "flags.json").write_text(json.dumps(FLAGS))
    path = tmp_path / "gateway.yaml"
    path.write_text(YAML)
    return path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_check_says_fine_and_warns(config: Path) -> None:
    result = run("check", str(config))
    assert result.exit_code == 0
    assert "fine (1 apis, 2 versions" in result.stdout
    assert "warning:" in result.stderr
    assert "is used by no lifecycle" in result.stderr


def test_check_lists_every_mistake_and_exits_2(config: Path) -> None:
    config.write_text(
        YAML.replace("sunset:", "sunst:").replace("default: v1", "default: v1\n    colour: red")
    )
    result = run("check", str(config))
    assert result.exit_code == 2
    assert f"{config}:13:62: apis.accounts.versions.v1.lifecycle.sunst: " in result.stderr
    assert "did you mean 'sunset'?" in result.stderr
    assert "colour" in result.stderr


def test_check_as_json(config: Path) -> None:
    assert json.loads(run("check", "--json", str(config)).stdout)["fine"] is True
    config.write_text(YAML.replace("v2: {backend: new}", "v2: {backend: newt}"))
    result = run("check", "--json", str(config))
    (error,) = json.loads(result.stdout)["errors"]
    assert result.exit_code == 2
    assert error["key"] == "apis.accounts.versions.v2.backend"
    assert error["hint"] == "did you mean 'new'?"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_the_config_may_come_from_the_environment(config: Path) -> None:
    result = CliRunner(env={"DUSKGATE_CONFIG": str(config)}).invoke(main, ["check"])
    assert result.exit_code == 0


@pytest.mark.parametrize("broken", ["{", '{"flags": []}', '{"flags": {"use-v2": {"state": "ENABLED"}}}'])
@pytest.mark.parametrize("command", [["check"], ["check", "--json"], ["explain", "GET", "/api/v1/x"]])
def test_broken_flags_are_an_error(config: Path, broken: str, command: list[str]) -> None:
    (config.parent / "flags.json").write_text(broken)
    result = run(*command, str(config))
    assert result.exit_code == 2
    assert "flags.json" in result.output


EXPLAINED = [
    (["GET", "/api/v1/users/7"], "2026-06-01", 0, "forward to backend old: /api/v1/users/7"),
    (["GET", "/api/v1/users/7"], "2027-01-01", 1, "410, the sunset has come"),
    (["GET", "/api/users/7", "-H", "X-User-Id: alice"], "2026-06-01", 0, "v2, chosen by flag use-v2"),
    (["GET", "/api/users/7", "-H", "X-User-Id: bob"], "2026-06-01", 0, "v1, chosen by default"),
    (["GET", "http://gw.example/api/v2/x?y=1"], "2026-06-01", 0, "forward to backend new: /api/v2/x?y=1"),
    (["GET", "/.well-known/api-deprecations.ics"], "2026-06-01", 1, "answered by the notice feed"),
    (["GET", "/api/v9/x"], "2026-06-01", 1, "404, 'v9' in the path is unknown"),
    (
        ["GET", "/api/v1/x", "-H", "Api-Version: v2"],
        "2026-06-01",
        1,
        "400, path names v1, header Api-Version",
    ),
    (["GET", "/elsewhere"], "2026-06-01", 1, "404, no api at this path"),
]


@pytest.mark.parametrize(("request_", "at", "status", "said"), EXPLAINED, ids=[str(c[0]) for c in EXPLAINED])
def test_explain(config: Path, request_: list[str], at: str, status: int, said: str) -> None:
    result = run("explain", "--at", at, *request_, str(config))
    assert said in result.stdout
    assert result.exit_code == status


def test_explain_as_json(config: Path) -> None:
    result = run("explain", "--json", "--at", "2026-06-01", "GET", "/api/v1/x", str(config))
    answer = json.loads(result.stdout)
    assert answer["decision"] == "Forward"
    assert answer["at"] == "2026-06-01T00:00:00Z"
    assert {"rule": "header", "found": "deprecation: @1772323200"} in answer["steps"]


@pytest.mark.parametrize(
    "wrong", [["--at", "tomorrow"], ["--at", "2026-02-30"], ["-H", "no colon"], ["-H", ": no name"]]
)
def test_explain_says_what_is_wrong_with_its_input(config: Path, wrong: list[str]) -> None:
    result = run("explain", *wrong, "GET", "/api/v1/x", str(config))
    assert result.exit_code == 2
    assert wrong[1] in result.stderr
