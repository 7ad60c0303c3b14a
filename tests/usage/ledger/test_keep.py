"""Old hours become days, old days go, and no use is lost or counted twice on the way."""

from __future__ import annotations

import random
import threading
from collections import Counter
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import SQLAlchemyError

from duskgate.usage.ledger.keep import tidy
from duskgate.usage.ledger.reader import Reader
from duskgate.usage.ledger.tables import DAY, HOUR
from tests.policy.world import ms, rule
from tests.usage.ledger.world import KEY, NOON, put, row, session

MIDNIGHT = ms("2026-11-24")


def tidied(url: str, now: int, hours: int = DAY, days: int = 30 * DAY) -> None:
    with session(url) as one:
        tidy(one, now, hours, days)


def lengths(url: str) -> list[tuple[int, int, int]]:
    return [(one.start, one.length, one.count) for one in Reader(url).rows()]


def test_whole_days_are_put_together_once_all_of_their_hours_are_old(url: str) -> None:
    before = MIDNIGHT - DAY
    put(url, [row(KEY, before, 1), row(KEY, before + 23 * HOUR, 2), row(KEY, MIDNIGHT, 4)])
    by_hour = [(before, HOUR, 1), (before + 23 * HOUR, HOUR, 2), (MIDNIGHT, HOUR, 4)]
    tidied(url, MIDNIGHT + DAY - 1)
    assert lengths(url) == by_hour
    tidied(url, MIDNIGHT + DAY)
    assert lengths(url) == [(before, DAY, 3), (MIDNIGHT, HOUR, 4)]
    tidied(url, MIDNIGHT + 2 * DAY)
    assert lengths(url) == [(before, DAY, 3), (MIDNIGHT, DAY, 4)]


def test_an_hour_that_comes_late_joins_its_day(url: str) -> None:
    put(url, [row(KEY, MIDNIGHT + 5, 1)])
    tidied(url, MIDNIGHT + 3 * DAY)
    put(url, [row(KEY, MIDNIGHT + HOUR, 2, MIDNIGHT + HOUR + 9)])
    tidied(url, MIDNIGHT + 3 * DAY)
    (one,) = Reader(url).rows()
    assert (one.length, one.count, one.first_seen, one.last_seen) == (
        DAY,
        3,
        MIDNIGHT + 5,
        MIDNIGHT + HOUR + 9,
    )


def test_days_are_kept_for_so_long_after_their_end(url: str) -> None:
    put(url, [row(KEY, MIDNIGHT, 1)])
    tidied(url, MIDNIGHT + 31 * DAY)
    assert lengths(url) == [(MIDNIGHT, DAY, 1)]
    tidied(url, MIDNIGHT + 31 * DAY + 1)
    assert lengths(url) == []


@settings(rule, max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 5 * DAY), st.integers(1, 9), st.sampled_from(["acme", "zeta", "other"])),
        max_size=12,
    ),
    st.integers(0, 8 * DAY),
)
def test_tidying_changes_no_answer_for_all_of_the_time(uses: list[tuple[int, int, str]], later: int) -> None:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/duskgate.db"
        put(url, [row(KEY._replace(consumer=name), MIDNIGHT + at, number) for at, number, name in uses])
        before = Reader(url).consumers("accounts", "v1")
        tidied(url, MIDNIGHT + later)
        assert Reader(url).consumers("accounts", "v1") == before


def test_tidying_while_others_write_loses_nothing(url: str) -> None:
    """Several workers, some of whose hours come late, and all of them tidy up."""
    keys = [KEY._replace(consumer=f"c{number}") for number in range(5)]
    expected: Counter[str] = Counter()
    lock, surprises = threading.Lock(), []

    def work(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        for turn in range(12):
            chosen = [(key, MIDNIGHT + dice.randrange(3 * DAY)) for key in dice.sample(keys, 3)]
            try:
                put(url, [row(key, at) for key, at in chosen])
            except Exception as error:
                surprises.append(error)
                return
            with lock:
                expected.update(key.consumer for key, _ in chosen)
            try:
                tidied(url, MIDNIGHT + (turn % 5) * DAY)
            except SQLAlchemyError as error:
                if "could not serialize" not in str(error) and "deadlock" not in str(error):
                    surprises.append(error)

    put(url, [])
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tidied(url, MIDNIGHT + 5 * DAY)
    assert surprises == []
    rows = list(Reader(url).rows())
    total: Counter[str] = Counter()
    for one in rows:
        total[one.consumer] += one.count
    assert total == expected
    assert {one.length for one in rows} == {DAY}


def test_notes_of_writers_go_when_they_have_been_silent(url: str) -> None:
    put(url, [row(KEY, NOON)], now=NOON)
    for now, kept in ((NOON + 7 * DAY, 1), (NOON + 7 * DAY + 1, 0)):
        tidied(url, now)
        with session(url) as one, one.transaction() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM ledger_writers").scalar() == kept
