"""The keeper's rounds: verdicts on record, freezes passed on, warnings once a day."""

import logging
from collections.abc import Mapping, Set
from pathlib import Path

import pytest

from duskgate.admin.following import Following
from duskgate.admin.keeper import Keeper
from duskgate.config.current import Current
from duskgate.control.switches import entries_in
from duskgate.policy.accept import Verdict
from duskgate.policy.switches import Judged
from duskgate.usage.gates import Facts
from tests.policy.world import ms
from tests.usage.test_gates import Past

DAY = 86_400_000
SUNSET, FREEZE = ms("2027-01-01"), ms("2026-11-01")

YAML = """
identity: [{header: X-Api-Key}]
consumers: {acme: {match: {X-Api-Key: a}, critical: true}}
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    default: v1
    versions:
      v1:
        backend: one
        lifecycle:
          deprecated: 2026-10-01
          sunset: 2027-01-01
          freeze: {from: 2026-11-01, mode: enforce}
          grace: [{consumer: acme, until: 2027-02-01, owner: jane, reason: contract}]
          accept: {critical_unseen: 1d, hold_at_most: 10d}
      v2: {backend: one}
"""


class Books:
    """Records made up; there may be none to be read."""

    def __init__(self, called: Mapping[str, int]) -> None:
        self.called = called
        self.readable = True

    @property
    def fault(self) -> str | None:
        return None if self.readable else "the ledger cannot be read: it is locked"

    def facts(self) -> Facts | None:
        return Past(called=self.called) if self.readable else None

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None:
        return {name for name, at in self.called.items() if at < instant} if self.readable else None


class World:
    """A keeper whose time and records are given."""

    def __init__(self, folder: Path) -> None:
        config = folder / "gateway.yaml"
        config.write_text(YAML)
        self.folder = folder
        self.books = Books({})
        self.now = ms("2026-10-15")
        self.following = Following(Current.start(config, None))
        self.keeper = Keeper(self.following, folder, self.books, lambda: self.now)

    def round(self, now: int, **called: int) -> None:
        self.now, self.books.called = now, called
        self.keeper.round()
        self.following.refresh()

    def phase(self) -> str:
        return str(self.following.plan.apis["accounts"].rules["v1"].lifecycle.phase(self.now))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_unmet_gate_holds_the_sunset_until_it_is_met(world: World) -> None:
    world.round(SUNSET - 1000, acme=SUNSET - 2000)
    world.round(SUNSET, acme=SUNSET - 2000)
    (standing,) = world.keeper.standing
    assert (world.phase(), standing.holding) == ("deprecated", True)
    world.round(SUNSET + 2 * DAY, acme=SUNSET - 2000)
    assert world.phase() == "sunset"
    world.round(SUNSET + 3 * DAY, acme=SUNSET + 3 * DAY - 1)
    assert world.phase() == "sunset", "a gate that has opened stays open"


def test_a_gate_that_let_its_sunset_pass_never_brings_the_version_back(world: World) -> None:
    """It was met a moment before; then the critical consumer calls, and gets the 410."""
    world.round(SUNSET - 1000)
    world.now = SUNSET
    assert world.phase() == "sunset"
    world.round(SUNSET + 3000, acme=SUNSET + 1000)
    assert world.phase() == "sunset"
    (standing,) = world.keeper.standing
    assert (standing.judged.verdict, standing.holding) == (Verdict.UNMET, False)


def test_what_another_keeper_of_the_same_folder_put_on_record_counts(world: World) -> None:
    other = World(world.folder)
    world.round(SUNSET - 1000, acme=SUNSET - 2000)
    other.round(SUNSET + 2 * DAY, acme=SUNSET - 2000)
    world.books.readable = False
    world.round(SUNSET + 2 * DAY + 1000)
    assert world.phase() == "sunset", "the other one opened the gate"


def test_a_gate_that_opens_is_not_said_to_hold(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.round(SUNSET - 1000, acme=SUNSET - 2000)
    caplog.clear()
    world.round(SUNSET + 2 * DAY, acme=SUNSET - 2000)
    (standing,) = world.keeper.standing
    assert (standing.judged.verdict, standing.holding) == (Verdict.MET, False)
    assert not [line for line in caplog.messages if "is held until" in line]


def test_a_gate_holds_no_longer_than_it_may(world: World) -> None:
    world.round(SUNSET + 10 * DAY - 1, acme=SUNSET + 10 * DAY - 2)
    assert world.phase() == "deprecated"
    world.now += 1
    assert world.phase() == "sunset", "exactly at the bound, without another round"


def test_a_version_that_answers_410_does_not_come_back_by_a_first_verdict(world: World) -> None:
    (world.folder / "gateway.yaml").write_text(YAML.replace("10d}", "10d, on_unknown: enforce}"))
    again = Keeper(
        Following(Current.start(world.folder / "gateway.yaml", None)),
        world.folder,
        world.books,
        lambda: world.now,
    )
    world.following = again._following
    world.now, world.books.called = SUNSET + 3_600_000, {"acme": SUNSET + 1000}
    assert world.phase() == "sunset", "nobody has judged it yet"
    again.round()
    (standing,) = again.standing
    assert (standing.judged.verdict, standing.holding, world.phase()) == (Verdict.UNMET, False, "sunset")


def test_the_end_of_a_gates_patience_is_said_at_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    bound = SUNSET + 10 * DAY
    for now in (bound - 5000, bound, bound + 5000):
        world.round(now, acme=now - 1000)
    said = [line.split(", ")[1].split(": ")[0] for line in caplog.messages if line.startswith("gate of")]
    assert said == ["its sunset is held until 2027-01-11T00:00:00Z", "its sunset took effect all the same"]


def test_warnings_go_on_after_the_clock_was_set_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for now in (SUNSET + 5 * DAY, SUNSET + DAY):
        caplog.clear()
        world.round(now, acme=now - 1)
        assert any("is held until" in line for line in caplog.messages)


BY_METHOD = """
backends: {one: {url: "http://127.0.0.1:9001"}}
identity: [{header: X-Api-Key}]
consumers: {acme: {match: {X-Api-Key: a}, critical: true}}
apis:
  accounts:
    path: /api/{version}
    versions: {v1: {backend: one}, v2: {backend: one}}
    endpoints:
      - {path: /x, methods: [GET], versions: {v1: {lifecycle: {deprecated: 2026-10-01,
          sunset: 2027-01-01, accept: {critical_unseen: 1d}}}}}
      - {path: /x, methods: [PUT], versions: {v1: {lifecycle: {deprecated: 2026-10-01,
          sunset: 2027-01-01, accept: {critical_unseen: 30d}}}}}
"""


def test_methods_of_one_path_have_gates_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(BY_METHOD)
    books, now = Books({"acme": ms("2026-12-20")}), SUNSET
    following = Following(Current.start(tmp_path / "gateway.yaml", None))
    keeper = Keeper(following, tmp_path, books, lambda: now)
    for _ in range(3):
        keeper.round()
    stand = {one.gate[2]: (one.judged.verdict, one.holding) for one in keeper.standing}
    assert stand == {"GET /x": (Verdict.MET, False), "PUT /x": (Verdict.UNMET, True)}
    assert len(list(entries_in(tmp_path).audit())) == 2


def test_verdicts_are_audited_once_each(world: World) -> None:
    for now in (SUNSET - 3 * DAY, SUNSET - 3 * DAY + 5000, SUNSET - 2 * DAY):
        world.round(now, acme=SUNSET - 3 * DAY - 1)
    changes = [(one["by"], one["to"]["verdict"]) for one in entries_in(world.folder).audit()]
    assert changes == [("duskgate", "unmet"), ("duskgate", "met")]


def test_a_ledger_that_cannot_be_read_is_what_gates_and_freezes_complain_of(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.books.readable = False
    world.round(FREEZE + 2000)
    (standing,) = world.keeper.standing
    assert standing.judged == Judged(Verdict.UNKNOWN, ("the ledger cannot be read: it is locked",))
    assert "accounts/v1: nobody is kept off: the ledger cannot be read: it is locked" in caplog.messages


def test_a_grace_that_ends_soon_is_warned_of_once_a_day(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    until = ms("2027-02-01")
    moments = (until - 7 * DAY - 1, until - 7 * DAY, until - 7 * DAY + 5000, until - 6 * DAY, until)
    said = []
    for now in moments:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "duskgate"):
            world.round(now)
        said.append(sum("grace_expiring" in line for line in caplog.messages))
    assert said == [0, 1, 0, 1, 0]


def test_a_verdict_that_cannot_be_kept_is_said_and_ends_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (world.folder / "switches.json.lock").mkdir()
    world.round(SUNSET, acme=SUNSET - DAY - 1)
    assert any("cannot be kept" in line for line in caplog.messages)
    (standing,) = world.keeper.standing
    assert (standing.judged.verdict, standing.holding) == (Verdict.MET, True), "no worker heard of it"
