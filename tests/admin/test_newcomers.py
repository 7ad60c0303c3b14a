"""Who was seen before a freeze: when it is looked up, what workers hear of it, what operators do."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import pytest

from duskgate.admin.newcomers import MOST, Newcomers
from duskgate.control.seen import Seen, SeenFile
from tests.policy.world import ms, plan_of

MINUTE, HOUR = 60_000, 3_600_000
FREEZE, LATER = ms("2026-11-01"), ms("2026-11-15")

PLAN = plan_of("""
identity: [{header: X-Api-Key}]
backends: {one: {url: "http://127.0.0.1:9001"}}
apis:
  accounts:
    path: /api/{version}
    versions:
      v1:
        backend: one
        lifecycle: {deprecated: 2026-10-01, sunset: 2027-01-01, freeze: {from: 2026-11-01}}
      v2: {backend: one}
    endpoints:
      - {path: /a, versions: {v1: {lifecycle: {guide: "https://docs.example.com"}}}}
      - {path: /b, versions: {v1: {lifecycle: {freeze: {from: 2026-11-15}}}}}
""")


class World:
    """A past made up, and what workers and operators hear of it."""

    def __init__(self, folder: Path) -> None:
        self.called = {"old": FREEZE - 1, "late": FREEZE}
        self.readable = True
        self.looks: list[int] = []
        self.complaints: list[tuple[str, str | None]] = []
        self.newcomers = Newcomers(folder / "seen.json", self)
        self.file = SeenFile(folder / "seen.json")

    def seen_before(self, api: str, version: str, instant: int, most: int) -> Set[str] | None:
        self.looks.append(instant)
        before = [name for name, at in self.called.items() if at < instant]
        return set(before[:most]) if self.readable else None

    def round(self, now: int, *, ahead: bool = False) -> Seen:
        """What the workers know after it."""
        self.newcomers.round(
            PLAN, now, lambda version, why: self.complaints.append((version, why)), ahead=ahead
        )
        self.file.refresh()
        return self.file.seen


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


V1, B = ("accounts", "v1", FREEZE), ("accounts", "v1", LATER)


def test_it_is_passed_on_once_the_freeze_has_begun(world: World) -> None:
    assert world.round(FREEZE + 1999) == {}
    assert world.looks == []
    assert world.round(FREEZE + 2000) == {V1: {"old"}}


def test_a_freeze_to_come_is_rehearsed_by_who_was_seen_until_now(world: World) -> None:
    before = FREEZE - 3 * HOUR
    world.called = {"old": before - 1, "late": before + 1}
    for now in (before, before + HOUR - 1):
        assert world.round(now, ahead=True) == {V1: {"old"}, B: {"old"}}
    assert world.looks == [before, before]
    assert world.round(before + HOUR, ahead=True)[V1] == {"old", "late"}
    world.readable = False
    world.newcomers = Newcomers(world.file.path, world)
    world.round(FREEZE - HOUR, ahead=True)
    assert world.complaints == [], "it keeps nobody off as yet"


def test_an_endpoint_with_a_freeze_of_its_own_has_its_own_newcomers(world: World) -> None:
    assert world.round(LATER + HOUR) == {V1: {"old"}, B: {"old", "late"}}


def test_it_is_looked_up_until_all_must_be_on_record_and_then_once_an_hour(world: World) -> None:
    moments = [2000, 7000, 5 * MINUTE + 2000, 6 * MINUTE, 65 * MINUTE, 66 * MINUTE]
    for moment in moments:
        world.round(FREEZE + moment)
        world.called["flushed late"] = FREEZE - 2
    assert len(world.looks) == 4
    assert world.file.seen == {V1: {"old", "flushed late"}}


def test_what_was_known_stays_where_the_ledger_cannot_be_read_any_more(world: World) -> None:
    world.round(FREEZE + 2000)
    world.readable = False
    assert world.round(FREEZE + 7000) == {V1: {"old"}}
    assert world.complaints == []


def test_where_the_past_is_not_known_it_is_said_and_nobody_is_kept_off(world: World) -> None:
    world.readable = False
    assert world.round(FREEZE + 2000) == {}
    assert world.complaints == [("accounts/v1", None)]


def test_what_is_too_much_for_the_workers_is_not_passed_on(world: World) -> None:
    world.called = dict.fromkeys(map(str, range(MOST)), FREEZE - 1)
    assert len(world.round(FREEZE + 2000)[V1]) == MOST
    world.called["one more"] = FREEZE - 1
    assert world.round(FREEZE + 7000) == {}
    assert world.complaints == [("accounts/v1", f"more than {MOST} callers were seen before")]


def test_a_freeze_that_is_no_more_is_forgotten(world: World) -> None:
    world.round(FREEZE + 2000)
    world.newcomers.round(plan_of(YAML_WITHOUT), FREEZE + 7000, lambda version, why: None)
    world.file.refresh()
    assert world.file.seen == {}


YAML_WITHOUT = """
backends: {one: {url: "http://127.0.0.1:9001"}}
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: one}}}}
"""
