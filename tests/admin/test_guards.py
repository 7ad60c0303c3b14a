"""The guards' rounds: what trips is done once, on record, and undone by nobody but an operator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from duskgate.admin.counted import Counted
from duskgate.admin.following import Following
from duskgate.admin.guards import Guards
from duskgate.admin.metrics import PlanCollector
from duskgate.config.current import Current
from duskgate.control.operations import Operations
from duskgate.control.switches import entries_in
from duskgate.policy.plan import Backend
from duskgate.policy.rollout import Rollout
from duskgate.usage.guard import UNHEALTHY
from duskgate.usage.window import Counts
from tests.policy.world import ms
from tests.usage.test_window import counts

NOW = ms("2026-11-01")
SECOND = 1000

YAML = """
backends:
  old: {url: "http://127.0.0.1:9001"}
  new: {url: "http://127.0.0.1:9002"}
apis:
  accounts:
    path: /api
    default: v1
    versions:
      v1:
        backend: old
        lifecycle: {deprecated: 2026-10-01, sunset: 2027-01-01}
        rollout:
          to: v2
          steps: [{at: 2026-10-01, percent: 5}, {at: 2026-12-01, percent: 50}]
          guard: {window: 10s, min_requests: 100, max_error_delta: 1%, action: @action}
      v2: {backend: new}
"""


class Made(Counted):
    """Counts made up. ``is_down``: health checks have found all targets of the backend ``old`` down."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir)
        self.counted = {"v1": Counts(), "v2": Counts()}
        self.is_down = False

    def add(self, version: str, requests: int, errors: int = 0) -> None:
        one, more = self.counted[version], counts([0.01] * requests)
        times = tuple(a + b for a, b in zip(one.times, more.times, strict=True))
        self.counted[version] = Counts(one.errors + errors, times)

    def guarded(self) -> Mapping[tuple[str, str], Counts]:
        return {("accounts", version): one for version, one in self.counted.items()}

    def down(self, backend: Backend | None) -> bool:
        return self.is_down and backend is not None and backend.name == "old"


class World:
    """Guards whose time and counts are given."""

    def __init__(self, folder: Path, action: str = "rollback") -> None:
        config = folder / "gateway.yaml"
        config.write_text(YAML.replace("@action", action))
        self.folder = folder
        self.passed = 0
        self.now = NOW
        self.counted = Made(folder)
        self.following = Following(Current.start(config, None))
        self.guards = Guards(
            self.following, self.counted, lambda: self.now + self.passed, lambda: self.passed
        )
        self.guards.round()

    def go_on(self, seconds: int, failing: float = 0.0, old_failing: float = 0.0) -> None:
        """So long with 50 requests a second to each version."""
        for _ in range(seconds):
            self.counted.add("v2", 50, round(50 * failing))
            self.counted.add("v1", 50, round(50 * old_failing))
            self.passed += SECOND
            self.guards.round()
        self.following.refresh()

    def rollout(self) -> Rollout:
        return self.following.plan.apis["accounts"].rollouts["v1"]

    def verdict(self) -> str:
        (standing,) = self.guards.standing
        return standing.judged.verdict.value

    def stop(self) -> Any:
        return entries_in(self.folder).read().get("rollouts", {}).get("accounts/v1")

    def operations(self) -> Operations:
        return Operations(self.following.loaded.plan, entries_in(self.folder))

    def resume(self) -> None:
        self.operations().resume("accounts/v1", by="jane", now=self.now)

    def audited(self) -> list[tuple[str, str | None]]:
        return [
            (one["by"], one["to"] and one["to"]["action"])
            for one in entries_in(self.folder).audit()
            if one["section"] == "rollouts"
        ]

    def gauges(self) -> dict[tuple[str, ...], float]:
        """What the page says of rollouts, by the metric and the label that is not the place."""
        return {
            (one.name, one.labels.get("action") or one.labels.get("verdict") or ""): one.value
            for metric in PlanCollector(self.following, [], self.guards.standing).collect()
            for one in metric.samples
            if one.name.startswith("duskgate_rollout")
        }


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_version_that_does_as_well_is_let_be(world: World) -> None:
    assert world.verdict() == "unknown"
    world.go_on(1)
    assert world.verdict() == "unknown", "too few requests"
    world.go_on(20, failing=0.02, old_failing=0.02)
    assert world.verdict() == "within"
    assert world.stop() is None


def test_a_version_that_does_worse_is_halted_within_its_window(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.go_on(20)
    world.go_on(3, failing=1.0)
    assert world.rollout().halted
    stop = world.stop()
    assert (stop["action"], stop["by"], stop["since"]) == ("rollback", "duskgate", "2026-11-01T00:00:22Z")
    assert stop["reason"].startswith("errors: v2 20.00% of 500, v1 0.00% of 500")
    world.go_on(20, failing=1.0)
    assert world.audited() == [("duskgate", "rollback")], "once"
    assert sum("guard of accounts/v1 tripped" in line for line in caplog.messages) == 1
    assert world.gauges()["duskgate_rollout_guard_tripped", "rollback"] == 1
    assert world.gauges()["duskgate_rollout_halted", ""] == 1


def test_a_halt_lasts_until_an_operator_resumes(world: World) -> None:
    world.go_on(5)
    world.go_on(5, failing=1.0)
    world.go_on(100)
    assert world.rollout().halted
    world.resume()
    world.go_on(1)
    assert not world.rollout().halted
    assert world.gauges()["duskgate_rollout_guard_tripped", "rollback"] == 0
    world.go_on(10)
    assert world.verdict() == "within"
    world.go_on(5, failing=1.0)
    assert world.audited() == [("duskgate", "rollback"), ("jane", None), ("duskgate", "rollback")]


def test_what_happened_before_it_was_resumed_does_not_trip_it_again(world: World) -> None:
    world.go_on(5)
    world.go_on(5, failing=1.0)
    world.resume()
    world.go_on(1)
    assert world.verdict() == "unknown"
    world.go_on(9)
    assert not world.rollout().halted


def test_one_bad_moment_moves_nobody(world: World) -> None:
    world.go_on(10)
    world.go_on(1, failing=1.0)
    world.go_on(12)
    assert (world.verdict(), world.stop()) == ("within", None)


def test_a_pause_keeps_the_share_of_when_it_tripped(tmp_path: Path) -> None:
    world = World(tmp_path, "pause")
    world.go_on(5)
    world.go_on(3, failing=1.0)
    rollout, later = world.rollout(), ms("2027-06-01")
    assert rollout.share is not None
    assert (rollout.halted, rollout.share.part(rollout.as_of(later))) == (False, 500)
    assert world.gauges()["duskgate_rollout_guard_tripped", "pause"] == 1
    world.go_on(30, failing=1.0)
    assert world.audited() == [("duskgate", "pause")]
    world.resume()
    world.following.refresh()
    assert world.rollout().as_of(later) == later


def test_an_alert_changes_nothing_and_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = World(tmp_path, "alert")
    world.go_on(5)
    world.go_on(30, failing=1.0)
    assert (world.rollout().halted, world.rollout().paused_at) == (False, None)
    assert world.audited() == [("duskgate", "alert")]
    assert sum("tripped" in line for line in caplog.messages) == 1


def test_nobody_is_moved_back_to_a_version_that_is_down_until_it_is_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.counted.is_down = True
    world.go_on(5)
    world.go_on(10, failing=1.0)
    assert not world.rollout().halted
    assert world.stop()["reason"].startswith("not rolled back, since all targets of v1 are down")
    assert world.gauges()["duskgate_rollout_guard_tripped", "alert"] == 1
    assert world.gauges()["duskgate_rollout_guard_tripped", "rollback"] == 0
    assert [line.levelname for line in caplog.records if "not rolled back" in line.message] == ["ERROR"]
    world.counted.is_down = False
    world.go_on(1, failing=1.0)
    assert world.rollout().halted
    assert world.audited() == [("duskgate", "alert"), ("duskgate", "rollback")]


def test_nobody_is_moved_back_to_a_version_that_fails_itself(world: World) -> None:
    world.go_on(20, old_failing=UNHEALTHY)
    world.go_on(10, failing=1.0, old_failing=UNHEALTHY)
    assert not world.rollout().halted
    assert "v1 itself answers 20.00% of 500 requests with errors" in world.stop()["reason"]


def test_nobody_is_moved_back_to_a_version_past_its_sunset(world: World) -> None:
    world.now = ms("2027-01-01") - 8 * SECOND
    world.go_on(5)
    world.go_on(10, failing=1.0)
    assert world.rollout().halted, "it was halted before the sunset"
    world.resume()
    world.go_on(1)
    world.go_on(10, failing=1.0)
    assert not world.rollout().halted
    assert "v1 is past its sunset" in world.stop()["reason"]


def test_an_operators_halt_is_left_alone(world: World) -> None:
    world.operations().halt("accounts/v1", "a bad feeling", by="jane", now=NOW)
    world.go_on(5)
    world.go_on(10, failing=1.0)
    assert world.stop()["by"] == "jane"
    assert world.gauges()["duskgate_rollout_guard_tripped", "rollback"] == 0
    assert world.gauges()["duskgate_rollout_halted", ""] == 1
    assert world.verdict() == "over", "it is judged all the same"


def test_a_stop_that_cannot_be_written_is_said_once_and_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (world.folder / "switches.json.lock").mkdir()
    world.go_on(5)
    world.go_on(5, failing=1.0)
    assert sum("tripped and nothing was done" in line for line in caplog.messages) == 1
    (world.folder / "switches.json.lock").rmdir()
    world.go_on(1, failing=1.0)
    assert world.rollout().halted


def test_another_guard_begins_anew(world: World) -> None:
    world.go_on(10)
    assert world.verdict() == "within"
    (world.folder / "gateway.yaml").write_text(
        YAML.replace("@action", "rollback").replace("window: 10s", "window: 20s")
    )
    world.go_on(1)
    assert world.verdict() == "unknown"
    (world.folder / "gateway.yaml").write_text(
        YAML.replace("guard: {window: 10s, min_requests: 100, max_error_delta: 1%, action: @action}", "")
    )
    world.go_on(1)
    assert world.guards.standing == []


# the files

WORKER = """
import sys
from duskgate.usage.backends import BackendMetrics
from duskgate.usage.instruments import FINE_BUCKETS, Instruments
instruments = Instruments()
one = [1] + [0] * len(FINE_BUCKETS)
for version, result in (("v1", "ok"), ("v2", "ok"), ("v2", "error"), ("v2", "error")):
    instruments.guarded.labels("accounts", version, result).fold(one, 0.001)
instruments.duration.labels("accounts", "v1").observe(0.02)
seen = BackendMetrics(instruments)
seen.probing("old", ["http://127.0.0.1:9001"])
seen.health("old", "http://127.0.0.1:9001", up="up" in sys.argv)
print("counted", flush=True)
sys.stdin.read()
"""


def worker(run_dir: Path, *words: str) -> subprocess.Popen[bytes]:
    """One that has counted, and lives until it is left."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(run_dir)}
    command = [sys.executable, "-c", WORKER, *words]
    started = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"counted\n"
    return started


def left(one: subprocess.Popen[bytes]) -> None:
    one.communicate()
    assert one.returncode == 0


def test_the_counts_of_all_workers_are_one_and_those_that_are_gone_stay_in_it(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    assert counted.guarded() == {}
    for number in range(1, 4):
        one = worker(tmp_path)
        for _ in range(2):  # while it lives, and when it is gone
            found = {
                version: (each.requests, each.errors) for (_, version), each in counted.guarded().items()
            }
            assert found == {"v1": (number, 0), "v2": (3 * number, 2 * number)}
            if one.poll() is None:
                left(one)
    assert [file.name for file in tmp_path.glob("histogram_*.db")] == ["histogram_gone.db"]


def test_a_backend_is_down_when_all_its_targets_are(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    alone, both = (
        Backend("old", tuple(f"http://127.0.0.1:{port}" for port in ports), health="/healthz")
        for ports in ((9001,), (9001, 9002))
    )
    assert not counted.down(alone), "nobody has said anything yet"
    up = worker(tmp_path, "up")
    assert not counted.down(alone)
    down = worker(tmp_path)
    assert counted.down(alone), "one worker finds it down"
    assert not counted.down(both)
    assert not counted.down(replace(alone, health=None)), "it is not probed any more"
    assert not counted.down(None)
    left(down)
    left(up)
