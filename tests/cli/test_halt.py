"""``duskgate switch halt`` and ``resume``: what they put down, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duskgate.cli.main import main

YAML = """
identity: [{header: X-User-Id}]
backends: {old: {url: "http://127.0.0.1:9001"}, new: {url: "http://127.0.0.1:9002"}}
apis:
  accounts:
    path: /api
    default: v1
    versions: {v1: {backend: old, rollout: {to: v2, percent: 100}}, v2: {backend: new}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(YAML)
    return path


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def version(config: Path) -> str:
    steps = json.loads(run("explain", "GET", "/api", config, "-H", "X-User-Id: alice", "--json").stdout)[
        "steps"
    ]
    return next(str(step["found"]) for step in steps if step["rule"] == "version")


def test_a_rollout_is_halted_and_goes_on(config: Path) -> None:
    assert version(config).startswith("v2")
    halted = run("switch", "halt", "accounts/v1", config, "--reason", "it smells", "--by", "jane")
    assert "`duskgate switch resume accounts/v1` lets it go on" in halted.stdout
    assert version(config).startswith("v1")
    listed = json.loads(run("switch", "list", config, "--json").stdout)["rollouts"]["accounts/v1"]
    assert (listed["action"], listed["by"], listed["reason"]) == ("rollback", "jane", "it smells")
    assert run("switch", "resume", "accounts/v1", config).exit_code == 0
    assert version(config).startswith("v2")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("halt", "accounts/v2", "--reason", "x"), "accounts/v2 has no rollout; accounts/v1 has"),
        (("halt", "acounts/v1", "--reason", "x"), "did you mean 'accounts'?"),
        (("halt", "accounts/v1", "--reason", " "), "a halt needs a reason"),
        (("halt", "accounts/v1"), "Missing option '--reason'"),
        (("resume", "accounts/v1"), "the rollout of accounts/v1 is not stopped; stopped are: none"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(config: Path, words: tuple[str, ...], said: str) -> None:
    result = run("switch", *words[:2], config, *words[2:])
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not (config.parent / "switches.json").exists()
