"""The store: what several writers add is summed, bounded, forgotten in time, and readable meanwhile."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from duskgate.proxy.shadow import store as stores
from duskgate.proxy.shadow.compare import Difference, Kind
from duskgate.proxy.shadow.noise import MOST_FIELDS, Judged, Noise, Place, Standing, Verdict
from duskgate.proxy.shadow.store import KEPT_MS, NO_RESULTS, Store, path_in, read
from duskgate.proxy.shadow.tally import OTHER, Batch

HERE: Place = ("accounts", "v1", "v2", "*")
ELSEWHERE: Place = ("accounts", "v1", "v2", "/users/{id}")
NOW = 1_800_000_000_000


def different(*fields: str, old: str | None = None, new: str | None = None) -> Judged:
    return Judged(Verdict.DIFFERENT, tuple(Difference(field, Kind.CHANGED, old, new) for field in fields))


EQUAL, FAILED, UNDECIDED = (Judged(one) for one in (Verdict.EQUAL, Verdict.FAILED, Verdict.UNDECIDED))


def batch(*judged: Judged, place: Place = HERE, at: int = NOW) -> Batch:
    made = Batch()
    for number, one in enumerate(judged):
        made.add(place, one, at + number)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return path_in(tmp_path)


def write(path: Path, *batches: Batch, noise: Noise | None = None, now: int = NOW) -> None:
    store = Store(path, now)
    for one in batches:
        store.write(one, noise or Noise())
    store.close()


def test_nothing_is_in_a_store_that_is_not_there(path: Path) -> None:
    assert read(path) == NO_RESULTS
    assert not path.exists()


STREAKS: list[tuple[str, list[list[Judged]], tuple[int, int, int, int, int]]] = [
    ("equal", [[EQUAL] * 3], (3, 0, 0, 0, 3)),
    ("equal in two batches", [[EQUAL] * 3, [EQUAL] * 2], (5, 0, 0, 0, 5)),
    ("different in the middle", [[EQUAL, different("$.a"), EQUAL, EQUAL]], (3, 1, 0, 0, 2)),
    ("different last", [[EQUAL] * 3, [different("$.a")]], (3, 1, 0, 0, 0)),
    ("different, then equal", [[different("$.a")], [EQUAL], [EQUAL]], (2, 1, 0, 0, 2)),
    ("failed", [[EQUAL], [EQUAL, FAILED, EQUAL]], (3, 0, 1, 0, 1)),
    ("undecided breaks no row", [[EQUAL], [UNDECIDED], [EQUAL]], (2, 0, 0, 1, 2)),
]


@pytest.mark.parametrize(
    ("batches", "sums"), [case[1:] for case in STREAKS], ids=[case[0] for case in STREAKS]
)
def test_sums_and_rows(path: Path, batches: list[list[Judged]], sums: tuple[int, ...]) -> None:
    write(path, *(batch(*one) for one in batches))
    tally = read(path).places[HERE]
    assert (tally.equal, tally.different, tally.failed, tally.undecided, tally.streak) == sums


def test_first_and_last_sighting(path: Path) -> None:
    write(
        path,
        batch(different("$.a", old="1", new="2")),
        batch(different("$.a", old="3", new="4"), at=NOW + 50),
    )
    seen = read(path).differences[HERE]["$.a", "changed"]
    assert (seen.count, seen.first, seen.last, seen.old, seen.new) == (2, NOW, NOW + 50, "3", "4")
    tally = read(path).places[HERE]
    assert (tally.first, tally.last) == (NOW, NOW + 50)


def test_places_are_apart(path: Path) -> None:
    write(path, batch(EQUAL), batch(different("$.a"), place=ELSEWHERE))
    results = read(path)
    assert (results.places[HERE].equal, results.places[ELSEWHERE].equal) == (1, 0)
    assert HERE not in results.differences


def test_fields_are_bounded_and_nothing_is_lost_of_their_number(path: Path) -> None:
    """Whoever chooses the names of members cannot fill the store with them."""
    for start in (0, 150, 300):
        write(path, *(batch(different(f"$.a{start + number}x", old="1")) for number in range(150)))
    found = read(path).differences[HERE]
    assert len(found) == MOST_FIELDS + 1
    assert sum(one.count for one in found.values()) == 450
    assert found[OTHER, "changed"].count == 450 - MOST_FIELDS
    assert found[OTHER, "changed"].old is None


def test_fields_are_bounded_before_they_are_written() -> None:
    made = batch(*(different(f"$.a{number}x") for number in range(999)))
    assert len(made.sightings[HERE]) == MOST_FIELDS + 1


def test_old_results_are_forgotten(path: Path) -> None:
    noise = Noise()
    noise.learn(HERE, [Difference("$.b", Kind.CHANGED)], [])
    write(path, batch(different("$.a")), noise=noise)
    write(path, batch(EQUAL, place=ELSEWHERE, at=NOW + KEPT_MS), now=NOW + KEPT_MS)
    assert HERE in read(path).places
    Store(path, NOW + KEPT_MS + 2).close()
    results = read(path)
    assert (list(results.places), dict(results.differences), dict(results.noise)) == ([ELSEWHERE], {}, {})


def test_examples_are_forgotten_when_they_are_no_longer_allowed(path: Path) -> None:
    write(
        path,
        batch(different("$.a", old="secret")),
        batch(different("$.a", old="kept"), place=("x", *HERE[1:])),
    )
    store = Store(path, NOW)
    store.forget_values(*HERE[:2])
    store.close()
    found = read(path).differences
    assert found[HERE]["$.a", "changed"].old is None
    assert found["x", "v1", "v2", "*"]["$.a", "changed"].old == "kept"
    assert b"secret" not in path.read_bytes()


def test_what_one_writer_learnt_the_others_know(path: Path) -> None:
    one, other = Noise(), Noise()
    store = Store(path, NOW)
    found = Difference("$.id", Kind.CHANGED)
    for noise in (one, other):
        noise.learn(HERE, [found] * 2, [found])
        assert noise.standing(HERE, found) is Standing.OPEN
        store.write(batch(EQUAL), noise)
    assert other.standing(HERE, found) is Standing.NOISE
    assert one.standing(HERE, found) is Standing.OPEN
    store.write(batch(EQUAL), one)
    assert one.standing(HERE, found) is Standing.NOISE
    assert read(path).noise[HERE]["$.id", "changed"] == (4, 4)
    store.close()


def test_noise_is_bounded_over_several_writers(path: Path) -> None:
    for start in (0, 150):
        noise = Noise()
        noise.learn(HERE, [Difference(f"$.a{start + number}x", Kind.CHANGED) for number in range(150)], [])
        write(path, batch(EQUAL), noise=noise)
    assert len(read(path).noise[HERE]) == MOST_FIELDS


def test_several_writers_lose_nothing(path: Path) -> None:
    def add() -> None:
        store, noise = Store(path, NOW), Noise()
        for _ in range(50):
            store.write(batch(EQUAL, different("$.a")), noise)
        store.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results = read(path)
    assert (results.places[HERE].equal, results.places[HERE].different) == (200, 200)
    assert results.differences[HERE]["$.a", "changed"].count == 200


def test_a_batch_that_cannot_be_written_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "WAIT_SECONDS", 0.01)
    store, noise = Store(path, NOW), Noise()
    store.write(batch(EQUAL), noise)
    noise.learn(HERE, [Difference("$.id", Kind.CHANGED)], [])
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.write(batch(EQUAL), noise)
        other.execute("ROLLBACK")
    other.close()
    assert read(path).places[HERE].equal == 1
    assert len(noise.learnt()) == 1
    store.write(batch(EQUAL), noise)
    assert read(path).places[HERE].equal == 2
    store.close()


def test_the_size_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "LARGEST", 128 * 1024)
    store = Store(path, NOW)

    def fill() -> None:
        for number in range(2000):
            place = ("a", "v1", "v2", f"/endpoint-{number}/" + "x" * 200)
            store.write(batch(different("$.a", old="y" * 100), place=place), Noise())

    with pytest.raises(sqlite3.OperationalError, match="full"):
        fill()
    store.close()
    assert path.stat().st_size <= 128 * 1024


def test_only_the_owner_may_look(path: Path) -> None:
    write(path, batch(EQUAL))
    for one in path.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_is_read_where_nothing_may_be_written(path: Path) -> None:
    write(path, batch(EQUAL))
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert read(path).places[HERE].equal == 1
    finally:
        path.parent.chmod(0o700)


def test_what_is_no_store_is_an_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        read(path)
    with pytest.raises(sqlite3.DatabaseError):
        Store(path, NOW)
    assert os.listdir(path.parent) == [path.name]
