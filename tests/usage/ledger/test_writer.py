"""One worker's ledger while its database is well, slow, locked, broken or gone."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select

from duskgate.config import loads
from duskgate.usage.instruments import Instruments
from duskgate.usage.ledger import writer
from duskgate.usage.ledger.keep import Keep
from duskgate.usage.ledger.ledger import Ledger, Settings
from duskgate.usage.ledger.reader import Reader
from duskgate.usage.ledger.tables import DAY, HOUR, hours
from duskgate.usage.open_ledger import open_ledger
from tests.postgresql import Cluster
from tests.running import eventually
from tests.usage.ledger.world import KEY, NOON, put, row, session

PLACE = ("accounts", "*", "v1", "active")


@dataclass
class Noted:
    """What a writer told."""

    rows: int = 0
    requests: int = 0
    lost: int = 0
    failures: int = 0
    at: int = 0
    waiting: int = 0
    calls: list[str] = field(default_factory=list)

    def wrote(self, rows: int, requests: int) -> None:
        self.rows += rows
        self.requests += requests

    def dropped(self, requests: int) -> None:
        self.lost += requests

    def failed(self) -> None:
        self.failures += 1

    def waits(self, requests: int) -> None:
        self.waiting = requests

    def flushed(self, at: int, waiting: int) -> None:
        self.at, self.waiting = at or self.at, waiting


def settings(url: str, flush: int = 20, consumers: int = 100) -> Settings:
    return Settings(url, flush, 14 * DAY, 400 * DAY, consumers)


def send(ledger: Ledger, number: int, consumer: str = "acme") -> None:
    for _ in range(number):
        ledger.add(PLACE, "forwarded", 200, consumer, b"curl/8.5")
    ledger.fold()


@contextmanager
def kept(url: str, consumers: int = 100, flush: int = 20) -> Iterator[tuple[Ledger, Noted]]:
    noted = Noted()
    ledger = Ledger(settings(url, flush, consumers), noted, lambda: NOON)
    try:
        yield ledger, noted
    finally:
        ledger.close()


def total(url: str) -> int:
    return sum(one.count for one in Reader(url).rows())


def test_what_is_counted_is_in_the_database_within_a_flush(url: str) -> None:
    with kept(url) as (ledger, noted):
        send(ledger, 7)
        eventually(lambda: noted.requests == 7 or None, "the first flush", 5)
        assert total(url) == 7
        send(ledger, 5)
        eventually(lambda: noted.requests == 12 or None, "the second", 5)
        eventually(lambda: noted.at == NOON or None, "the note that nothing is left", 5)
    (one,) = Reader(url).rows()
    assert (one.count, one.consumer, one.agent, one.code) == (12, "acme", "curl", "2xx")
    assert (noted.rows, noted.lost, noted.failures, noted.waiting) == (2, 0, 0, 0)


def test_closing_writes_what_is_left_at_once(url: str) -> None:
    noted = Noted()
    ledger = Ledger(settings(url, flush=60_000), noted, lambda: NOON)
    for number in range(writer.MOST_ROWS // 1000):
        send(ledger, 3, f"c{number}")
    ledger.close()
    assert total(url) == noted.requests == 3 * (writer.MOST_ROWS // 1000)
    assert noted.lost == 0


def test_more_than_one_batch_is_written_in_one_flush(url: str) -> None:
    names = [f"c{number}" for number in range(writer.MOST_ROWS + 10)]
    noted = Noted()
    ledger = Ledger(settings(url, 60_000, consumers=10_000), noted, lambda: NOON)
    for name in names:
        ledger.add(PLACE, "forwarded", 200, name, None)
    ledger.close()
    assert (noted.rows, total(url)) == (len(names), len(names))


def lock(path: Path) -> Callable[[], None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    def mend() -> None:
        other.execute("ROLLBACK")
        other.close()

    return mend


def no_tables(path: Path) -> Callable[[], None]:
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("ALTER TABLE ledger_hours RENAME TO gone")
    other.close()

    def mend() -> None:
        with sqlite3.connect(path, isolation_level=None) as again:
            again.execute("ALTER TABLE gone RENAME TO ledger_hours")
        again.close()

    return mend


def folder_away(path: Path) -> Callable[[], None]:
    away = path.parent.with_name("away")
    path.parent.rename(away)

    def mend() -> None:
        away.rename(path.parent)

    return mend


def folder_in_its_place(path: Path) -> Callable[[], None]:
    """By a link, which the file takes the place of in one step: nothing can be made there in between."""
    away = path.with_name("away.db")
    path.rename(away)
    path.symlink_to(path.parent, target_is_directory=True)

    def mend() -> None:
        away.replace(path)

    return mend


BREAKS = [lock, no_tables, folder_away, folder_in_its_place]


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda one: one.__name__)
def test_what_comes_while_the_file_cannot_be_written_is_written_later(
    tmp_path: Path, breaks: Callable[[Path], Callable[[], None]], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ledger").mkdir()
    path = tmp_path / "ledger" / "duskgate.db"
    url = f"sqlite:///{path}"
    with kept(url) as (ledger, noted), caplog.at_level(logging.WARNING, "duskgate"):
        send(ledger, 1)
        eventually(lambda: noted.requests or None, "the first flush", 5)
        mend = breaks(path)
        started = time.perf_counter()
        for number in range(100):
            send(ledger, 1, f"c{number}")
        took = time.perf_counter() - started
        eventually(lambda: noted.failures or None, "a flush that fails", 5)
        assert took < 1, "counting waits for no database"
        mend()
        eventually(lambda: noted.requests == 101 or None, "the flush that makes up for it", 20)
    assert total(url) == 101
    assert noted.lost == 0
    said = [record.message for record in caplog.records if record.message.startswith("ledger: ")]
    assert len(said) == 2, "once when it begins and once when it ends"
    assert "written again" in said[1]


def test_a_file_that_is_removed_is_made_anew(tmp_path: Path) -> None:
    """On Linux one could go on writing to the removed file, and nobody would ever read it."""
    path = tmp_path / "duskgate.db"
    url = f"sqlite:///{path}"
    with kept(url) as (ledger, noted), kept(url) as (other, others):
        for _ in range(3):
            send(ledger, 1)
            send(other, 1)
        eventually(lambda: noted.requests == others.requests == 3 or None, "flushes", 5)
        for name in os.listdir(tmp_path):
            (tmp_path / name).unlink()
        send(ledger, 10)
        send(other, 20)
    assert total(url) == 30
    assert noted.lost == others.lost == 0


def test_what_the_buffer_cannot_hold_is_counted_as_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "absent"
    url = f"sqlite:///{folder / 'duskgate.db'}"
    with kept(url, consumers=3) as (ledger, noted):
        for minute in range(20):
            for number in range(30):
                ledger.add(
                    ("accounts", f"/e{minute}", f"v{number}", "active"), "forwarded", 200, "acme", None
                )
            ledger.fold()
        eventually(lambda: noted.lost or None, "drops", 5)
        folder.mkdir()
        eventually(lambda: noted.requests or None, "the rest in the database", 20)
    assert noted.lost + noted.requests == 600
    assert total(url) == noted.requests < 600


def test_what_cannot_be_written_in_the_end_is_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "STOP_SECONDS", 0.5)
    with (
        caplog.at_level(logging.ERROR, "duskgate"),
        kept(f"sqlite:///{tmp_path / 'absent' / 'duskgate.db'}") as (ledger, noted),
    ):
        send(ledger, 4)
    assert noted.lost == 4
    assert "4 requests could not be written and are lost" in caplog.text


def test_hours_become_days_on_the_way(url: str) -> None:
    put(url, [row(KEY, NOON - 20 * DAY + at * HOUR) for at in range(5)])
    with kept(url) as (ledger, noted):
        send(ledger, 1)
        eventually(
            lambda: (noted.requests and len(list(Reader(url).rows())) == 2) or None,
            "the old hours as a day",
            5,
        )
    assert {one.length: one.count for one in Reader(url).rows()} == {DAY: 5, HOUR: 1}


@pytest.mark.system
def test_a_server_that_stops_answering_harms_nothing(postgresql: Cluster) -> None:
    url = postgresql.database()
    with kept(url) as (ledger, noted):
        send(ledger, 1)
        eventually(lambda: noted.requests or None, "the first flush", 5)
        frozen = postgresql.backends()
        postgresql.freeze(frozen)
        try:
            started = time.perf_counter()
            for _ in range(1000):
                send(ledger, 1)
            assert time.perf_counter() - started < 1
        finally:
            postgresql.thaw(frozen)
        eventually(lambda: noted.requests == 1001 or None, "the rest", 20)
    assert total(url) == 1001
    assert noted.lost == 0


@pytest.mark.system
def test_connections_that_are_cut_lose_and_double_nothing(postgresql: Cluster) -> None:
    url = postgresql.database()
    stop = False

    def cut() -> None:
        with postgresql.connect() as connection:
            while not stop:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'duskgate'"
                )
                time.sleep(0.03)

    with kept(url) as (ledger, noted):
        cutting = Thread(target=cut)
        cutting.start()
        for _ in range(300):
            send(ledger, 1)
            time.sleep(0.005)
        stop = True
        cutting.join()
        eventually(lambda: noted.requests == 300 or None, "all of it", 20)
    assert noted.failures > 0
    assert total(url) == 300


@pytest.mark.system
def test_no_server_at_all_harms_nothing(postgresql: Cluster) -> None:
    url = postgresql.database().replace(str(postgresql.port), "1")
    with kept(url) as (ledger, noted):
        send(ledger, 3)
        eventually(lambda: noted.failures or None, "a failure", 10)
        assert noted.waiting == 3
        writer_stops(ledger)
    assert noted.lost == 3


def writer_stops(ledger: Ledger) -> None:
    """Do not wait for the bound: there is nothing to come."""
    ledger._writer._stop_by = 0.0


def test_the_folder_is_clean_after_closing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'duskgate.db'}"
    with kept(url) as (ledger, _):
        send(ledger, 1)
    assert os.listdir(tmp_path) == ["duskgate.db"]
    shutil.copy(tmp_path / "duskgate.db", tmp_path / "copy.db")
    assert total(f"sqlite:///{tmp_path / 'copy.db'}") == 1


def test_the_settings_reach_the_writer(tmp_path: Path) -> None:
    yaml = """
backends: {one: {url: "http://127.0.0.1:9001"}}
identity: [{header: X-Api-Key}]
consumers: {acme: {match: {X-Api-Key: a}}, beta: {match: {X-Api-Key: b}}}
ledger: {flush: 3s, keep_hours: 5d, keep_days: 50d, max_consumers: 7}
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: one}}}}
"""
    kept = open_ledger(loads(yaml, tmp_path / "gateway.yaml", {}), Instruments())
    assert isinstance(kept, Ledger)
    thread = kept._writer
    assert (thread._interval, thread._keep._hours, thread._keep._days) == (3.0, 5 * DAY, 50 * DAY)
    assert thread._buffer._most == 40 * (7 + 2)
    kept.close()


def test_readers_of_sqlite_wait_for_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "duskgate.db"
    with kept(f"sqlite:///{path}") as (ledger, noted):
        send(ledger, 1)
        eventually(lambda: noted.requests or None, "the first flush", 5)
        reading = sqlite3.connect(path, isolation_level=None)
        assert reading.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reading.execute("BEGIN")
        assert reading.execute("SELECT count(*) FROM ledger_hours").fetchone() == (1,)
        send(ledger, 1)
        eventually(lambda: noted.requests == 2 or None, "another flush while somebody reads", 5)
        reading.close()


def test_drops_are_told_while_the_database_hangs(tmp_path: Path) -> None:
    """By whoever counts requests: the thread that writes hears of nothing then."""
    with kept(f"sqlite:///{tmp_path / 'duskgate.db'}", consumers=1, flush=60_000) as (ledger, noted):
        for number in range(50):
            ledger.add(("accounts", f"/e{number}", "v1", "active"), "forwarded", 200, "acme", None)
        ledger.fold()
        assert noted.lost == 10, "forty rows fit"
    assert noted.requests == 40


def test_a_long_absence_is_tidied_up_a_day_at_a_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'duskgate.db'}"
    put(url, [row(KEY, NOON + day * DAY, 1) for day in range(5)])
    now, keep = NOON + 30 * DAY, Keep(14 * DAY, 400 * DAY)
    left = []
    with session(url) as one:
        for _ in range(7):
            keep.look(one, now)
            with one.transaction() as connection:
                left.append(len(connection.execute(select(hours.c.start)).all()))
    assert left == [4, 3, 2, 1, 0, 0, 0]
