"""Keeping the memory in the state folder: over restarts, unwritable folders, broken files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from duskgate.config import Loaded, load
from duskgate.feed.keeper import FeedKeeper
from duskgate.feed.memory import Memory
from duskgate.feed.memory_file import MemoryFile
from tests.feed.world import SAMPLE
from tests.policy.world import ms

SUNSET = "sunset of accounts/v1"
MOVED = SAMPLE.replace("sunset: 2027-01-01\n", "sunset: 2027-01-10\n")


class World:
    """A folder with a configuration, and a keeper that can be started again."""

    def __init__(self, folder: Path, state: str = "state") -> None:
        self.folder = folder
        self.state = state
        self.at = "2026-10-05"
        self.write(SAMPLE)
        self.start()

    def write(self, text: str) -> None:
        text += f"server: {{state: {self.state}}}\n"
        (self.folder / "gateway.yaml").write_text(text, encoding="utf-8")

    def start(self) -> None:
        self.keeper = FeedKeeper(self.loaded, lambda: self.loaded().plan, lambda: ms(self.at))

    def loaded(self) -> Loaded:
        return load(self.folder / "gateway.yaml", {})

    @property
    def file(self) -> Path:
        return self.folder / self.state / "feed.json"

    def memory(self) -> Memory:
        """The memory as a worker that starts now reads it."""
        memory = MemoryFile(self.file.parent).memory
        assert memory is not None
        return memory


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_is_said_is_put_on_record(world: World) -> None:
    world.keeper.round()
    assert world.memory().dates[SUNSET].sequence == 0
    entry = json.loads(world.file.read_text())["dates"][SUNSET]
    assert entry == {
        "name": "accounts v1",
        "kind": "sunset",
        "number": 0,
        "sequence": 0,
        "at": "2027-01-01T00:00:00Z",
        "modified": "2026-10-05T00:00:00Z",
    }


def test_a_round_in_which_nothing_changed_writes_nothing(world: World) -> None:
    world.keeper.round()
    before = {path: path.stat().st_mtime_ns for path in world.file.parent.iterdir()}
    world.at = "2026-10-06"
    world.keeper.round()
    world.start()
    world.keeper.round()
    assert {path: path.stat().st_mtime_ns for path in world.file.parent.iterdir()} == before


@pytest.mark.parametrize("restart", [False, True])
def test_a_moved_date_raises_the_sequence_over_reloads_and_restarts(world: World, restart: bool) -> None:
    world.keeper.round()
    world.write(MOVED)
    world.at = "2026-10-07"
    if restart:
        world.start()
    world.keeper.round()
    moved = world.memory().dates
    assert (moved[SUNSET].sequence, moved[SUNSET].at) == (1, ms("2027-01-10"))
    assert moved[SUNSET].modified == ms("2026-10-07")
    assert {kept.sequence for key, kept in moved.items() if key != SUNSET} == {0}


def test_a_follower_sees_what_the_keeper_writes(world: World) -> None:
    follower = MemoryFile(world.file.parent)
    assert follower.memory is None
    world.keeper.round()
    follower.refresh()
    first = follower.memory
    follower.refresh()
    assert follower.memory is first, "and keeps it while nothing changes"
    world.write(MOVED)
    world.keeper.round()
    follower.refresh()
    assert follower.memory is not None
    assert follower.memory.dates[SUNSET].sequence == 1


def test_what_is_forgotten_leaves_the_file(world: World) -> None:
    world.keeper.round()
    world.write(SAMPLE.replace("          removed: 2027-04-01\n", ""))
    world.keeper.round()
    key = "removed of accounts/v1"
    assert world.memory().dates[key].cancelled == ms("2026-10-05")
    world.at = "2027-01-04"
    world.keeper.round()
    assert key not in world.memory().dates
    assert key not in json.loads(world.file.read_text())["dates"]


def test_a_feed_that_is_off_remembers_nothing(world: World) -> None:
    world.write(SAMPLE + "feed: {enabled: false}\n")
    world.keeper.round()
    assert not world.file.exists()


def test_a_folder_that_cannot_be_written_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a-file").touch()
    world = World(tmp_path, state="a-file/state")
    for _ in range(3):
        world.keeper.round()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("the feed cannot remember dates, moved ones keep the sequence 0: ")
    assert str(tmp_path / "a-file") in said[0]
    assert MemoryFile(world.file.parent).memory is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"dates": {"x": 1}}',
        '{"dates": {"x": {"name": "a"}}}',
        '{"dates": {"x": {"name": "a", "kind": "sunset", "number": 0, "sequence": "many", "at": "never"}}}',
        '{"endings": {"x": {"digest": "d", "modified": "2026-10-05"}}}',
        '{"feed": {"changed": 5}}',
    ],
)
def test_a_broken_file_is_named_once_and_left_alone(
    world: World, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    world.file.parent.mkdir()
    world.file.write_text(text)
    for _ in range(3):
        world.keeper.round()
    assert world.file.read_text() == text
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith(f"the feed's memory is broken, move {world.file} away to begin anew: ")
    world.file.unlink()
    world.keeper.round()
    assert world.memory().dates[SUNSET].sequence == 0


def test_a_worker_keeps_what_it_knew_when_the_file_breaks(world: World) -> None:
    world.keeper.round()
    follower = MemoryFile(world.file.parent)
    known = follower.memory
    assert known is not None
    world.file.write_text("{")
    follower.refresh()
    assert (follower.memory, follower.broken) == (known, True)
