"""duskgate flags: what is shown, what is flipped and how explain names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duskgate.cli.main import main
from tests.cli.test_commands import config as config  # the same small gateway
from tests.cli.test_commands import run
from tests.flags.ofrep import ofrep


def flags(config: Path, *arguments: str, status: int = 0, stdin: str = "") -> Result:
    result = CliRunner().invoke(main, ["flags", *arguments, str(config)], input=stdin)
    assert result.exit_code == status, result.output
    return result


def explained(config: Path, user: str) -> list[str]:
    output = run("explain", "GET", "/api/x", "-H", f"X-User-Id: {user}", str(config)).output
    return [" ".join(line.split()) for line in output.splitlines() if line.startswith(("flag", "version"))]


def test_a_caller_is_flipped_and_explain_says_so(config: Path) -> None:
    assert explained(config, "bob") == ["flag use-v2 is off, variant off", "version v1, chosen by default"]
    assert flags(config, "on", "use-v2", "--user", "bob").output == "use-v2 is on for bob\n"
    on = ["flag use-v2 is on, flipped for bob by an override", "version v2, chosen by flag use-v2"]
    assert explained(config, "bob") == on
    flags(config, "off", "use-v2", "--user", "alice")
    assert explained(config, "alice")[0] == "flag use-v2 is off, flipped for alice by an override"
    flags(config, "clear", "use-v2", "--user", "alice")
    assert explained(config, "alice")[0] == "flag use-v2 is on, variant on"


def test_what_is_listed_and_shown(config: Path) -> None:
    flags(config, "on", "use-v2", "--user", "bob", "--by", "jane")
    assert flags(config, "list").output.splitlines()[1].split() == [
        "use-v2", "off", "api,", "targetingKey", "accounts", "1",
    ]  # fmt: skip
    listed = json.loads(flags(config, "list", "--json").output)
    assert listed == [
        {
            "flag": "use-v2",
            "default": "off",
            "looks_at": ["api", "targetingKey"],
            "apis": ["accounts"],
            "overrides": 1,
        }
    ]
    shown = json.loads(flags(config, "show", "use-v2", "--json").output)
    assert shown["variants"] == {"on": True, "off": False}
    assert (shown["overrides"]["bob"]["value"], shown["overrides"]["bob"]["by"]) == ("on", "jane")
    text = [line.split()[:3] for line in flags(config, "show", "use-v2").output.splitlines()]
    assert ["state", "ENABLED"] in text
    assert ["bob", "on", "jane"] in text
    (change,) = json.loads(flags(config, "audit", "--json").output)
    assert (change["by"], change["section"], change["key"], change["to"]) == ("jane", "use-v2", "bob", "on")
    assert flags(config, "audit").output.split()[1:] == ["jane", "use-v2", "on", "bob"]


def test_many_callers_from_a_file_and_back(config: Path) -> None:
    users = "".join(f"user-{number}\n" for number in range(2_000)) + "\n user-1 \n"
    said = flags(config, "on", "use-v2", "--users-from", "-", "--user", "bob", stdin=users).output
    assert said == "use-v2 is on for 2001 callers\n"
    assert json.loads(flags(config, "list", "--json").output)[0]["overrides"] == 2_001
    assert flags(config, "clear", "use-v2", "--all").output == "use-v2 is as its rule says for everybody\n"
    assert json.loads(flags(config, "list", "--json").output)[0]["overrides"] == 0


WRONG = [
    (["on", "use-v3", "--user", "bob"], "there is no flag 'use-v3'; did you mean 'use-v2'?"),
    (["show", "nothing-like-it"], "there is no flag 'nothing-like-it'; known: use-v2"),
    (["on", "use-v2"], "name a caller: --user NAME, or --users-from FILE"),
    (["clear", "use-v2", "--all"], "use-v2 is not flipped for anybody; nobody is"),
    (["clear", "use-v2", "--all", "--user", "bob"], "--all clears everybody; give it or --user"),
]


@pytest.mark.parametrize(("arguments", "reason"), WRONG)
def test_what_is_wrong_is_said(config: Path, arguments: list[str], reason: str) -> None:
    assert flags(config, *arguments, status=2).output == f"duskgate: {reason}\n"


def test_a_configuration_without_flags_has_none(config: Path) -> None:
    text = config.read_text().replace("flags: {path: flags.json}", "")
    config.write_text(text.replace("resolve: [path, {header: Api-Version}, {flag: use-v2, version: v2}]", ""))
    assert "has no flags: add the section flags" in flags(config, "list", status=2).output


@pytest.mark.parametrize("arguments", [["list"], ["on", "use-v2", "--user", "bob"]])
def test_broken_overrides_are_said_and_left_alone(config: Path, arguments: list[str]) -> None:
    overrides = config.with_name("flags.json.overrides")
    overrides.write_text("{")
    said = flags(config, *arguments, status=2).output
    assert said.startswith(f"duskgate: {overrides}:1:2: not JSON")
    assert overrides.read_text() == "{"
    assert run("explain", "GET", "/api/x", str(config)).exit_code == 2


def test_explain_asks_the_service_and_says_why_it_cannot(config: Path) -> None:
    def by(url: str) -> None:
        config.write_text(
            config.read_text().replace("flags: {path: flags.json}", f"flags: {{provider: ofrep, url: {url}}}")
        )

    with ofrep() as service:
        service.on["use-v2"] = {"bob"}
        by(service.url)
        assert explained(config, "bob")[0] == "flag use-v2 is on, variant yes"
        assert explained(config, "alice")[0] == "flag use-v2 is off, variant no"
    assert explained(config, "bob")[0] == "flag use-v2 is off, it could not be evaluated: GENERAL"
