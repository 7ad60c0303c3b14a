"""``duskgate switch`` and ``duskgate sign``: what they change, show, and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from duskgate.cli.main import main
from duskgate.config import load
from duskgate.control.in_force import PlanInForce
from duskgate.control.switches import entries_in
from duskgate.middleware.clock import system_clock
from duskgate.middleware.rehearsal import authorised
from duskgate.policy.instants import instant_of_text
from duskgate.policy.lifecycle import Lifecycle, Phase

YAML = """
server: {rehearsal: true}
admin: {token: s3cret}
identity: [{header: X-Api-Key}]
consumers: {acme: {match: {X-Api-Key: a}}}
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1:
        backend: one
        lifecycle: {deprecated: 2020-01-01, sunset: 2021-01-01, removed: 2022-01-01,
                    brownouts: [{from: 2020-06-01, for: 1h}]}
      v2: {backend: one}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(YAML)
    return path


def switch(config: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(main, ["switch", *arguments], env={"DUSKGATE_CONFIG": str(config)})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def done(config: Path, *arguments: str) -> str:
    result = switch(config, *arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def in_force(config: Path) -> Lifecycle:
    return PlanInForce(load(config, {})).plan.apis["accounts"].rules["v1"].lifecycle


def changes(config: Path) -> list[tuple[str, str, str, bool]]:
    found = json.loads(done(config, "audit", "--json"))
    return [(one["by"], one["section"], one["key"], one["to"] is not None) for one in found]


def test_a_hold_brings_back_what_was_removed_until_it_ends_or_is_released(config: Path) -> None:
    before = system_clock()
    assert in_force(config).phase(before) is Phase.REMOVED
    done(config, "hold", "accounts/v1", "--for", "2d", "--reason", "acme is late", "--by", "jane")
    held = in_force(config)
    assert held.hold is not None
    end = held.hold.until
    assert before + 2 * 86_400_000 <= end <= system_clock() + 2 * 86_400_000
    assert (held.phase(end - 1), held.phase(end)) == (Phase.DEPRECATED, Phase.REMOVED)
    assert "acme is late" in done(config, "list")
    done(config, "release", "accounts/v1", "--by", "joe")
    assert in_force(config).phase(before) is Phase.REMOVED
    assert changes(config) == [
        ("jane", "holds", "accounts/v1", True),
        ("joe", "holds", "accounts/v1", False),
    ]


def test_a_hold_until_a_date(config: Path) -> None:
    done(config, "hold", "accounts/v1", "--until", "2999-01-01", "--reason", "late")
    assert in_force(config).sunset == instant_of_text("2999-01-01T00:00:00Z")


def test_brownouts_are_called_off_and_let_be(config: Path) -> None:
    done(config, "brownouts", "off", "*", "--reason", "a bad day", "--by", "jane")
    assert in_force(config).brownouts == ()
    done(config, "brownouts", "on", "*", "--by", "jane")
    assert len(in_force(config).brownouts) == 1
    assert changes(config) == [("jane", "no-brownouts", "*", True), ("jane", "no-brownouts", "*", False)]


def test_who_was_told_is_on_record(config: Path) -> None:
    done(config, "notified", "accounts/v1", "acme", "--by", "jane")
    (entry,) = json.loads(done(config, "list", "--json"))["notified"].items()
    assert entry[0] == "accounts/v1 acme"
    assert entry[1]["by"] == "jane"


HOLD = ("--for", "1d", "--reason", "x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hold", "accounts/v1", "--reason", "x"), "give --until or --for"),
        (("hold", "accounts/v1", *HOLD, "--until", "2999-01-01"), "give --until or --for"),
        (("hold", "accounts/v1", "--for", "soon", "--reason", "x"), "'soon' is not a length of time"),
        (("hold", "accounts/v1", "--for", "1d"), "--reason"),
        (("hold", "accounts/v1", "--for", "1d", "--reason", " "), "needs a reason"),
        (("hold", "accounts", *HOLD), "name a version"),
        (("hold", "acounts/v1", *HOLD), "did you mean 'accounts'?"),
        (("hold", "accounts/v2", *HOLD), "accounts/v2 has no sunset to hold"),
        (("hold", "accounts/v1", "--until", "2021-06-01", "--reason", "x"), "has passed already"),
        (("release", "accounts/v1"), "accounts/v1 is not held; nothing is"),
        (("brownouts", "on", "accounts"), "brownouts of accounts are not off"),
        (("notified", "accounts/v1", "acne"), "did you mean 'acme'?"),
        (("notified", "accounts", "acme"), "name a version"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    config: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = switch(config, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert not (config.parent / "switches.json").exists()


@pytest.mark.parametrize("command", ["hold", "list"])
def test_a_broken_file_is_named_and_left_alone(config: Path, command: str) -> None:
    broken = config.parent / "switches.json"
    broken.write_text("{")
    result = switch(config, command, *(("accounts/v1", *HOLD) if command == "hold" else ()))
    assert result.exit_code == 2
    assert f"{broken}:1:2: not JSON" in result.stderr
    assert broken.read_text() == "{"


def test_no_text_on_record_can_control_a_terminal(config: Path) -> None:
    entries = entries_in(config.parent)
    entries.put(
        "holds",
        "accounts/v1",
        {"until": "2999-01-01T00:00:00Z", "by": "\x1b[2J", "reason": "a\nb"},
        by="\x1b]0;x\x07",
        at=0,
    )
    for command in (["switch", "list"], ["switch", "audit"], ["explain", "GET", "/api/v1/x"]):
        shown = CliRunner().invoke(main, [*command, str(config)], color=True).stdout
        assert not [one for one in shown if not one.isprintable() and one != "\n"]
        assert "a b" in shown


def signed(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["sign", *arguments, str(config)])


def test_a_signed_header_is_good_for_its_moment_and_so_long(config: Path) -> None:
    before = system_clock()
    result = signed(config, "2027-04-12", "--for", "2h")
    name, _, value = result.stdout.strip().partition(": ")
    assert (result.exit_code, name) == (0, "Duskgate-At")
    header = [(b"duskgate-at", value.encode())]
    hour = 3_600_000
    assert authorised(header, b"s3cret", before + 2 * hour - 1) == instant_of_text("2027-04-12T00:00:00Z")
    assert authorised(header, b"s3cret", system_clock() + 2 * hour) is None
    assert authorised(header, b"other", before) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{rehearsal: true}", "{rehearsal: false}", "server.rehearsal is off"),
        ("server: {rehearsal: true}\nadmin: {token: s3cret}", "", "admin.token is not set"),
    ],
)
def test_nothing_is_signed_that_nobody_would_look_at(config: Path, old: str, new: str, said: str) -> None:
    config.write_text(YAML.replace(old, new))
    result = signed(config, "2027-04-12")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
