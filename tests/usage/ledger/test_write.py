"""Batches add up, whoever writes them and however often."""

from __future__ import annotations

import random
import threading
from collections import Counter

import pytest
from sqlalchemy.exc import IntegrityError

from duskgate.usage.ledger.reader import Reader
from duskgate.usage.ledger.store import in_words
from duskgate.usage.ledger.tables import HOUR, Key
from duskgate.usage.ledger.write import Batch, write
from tests.usage.ledger.world import KEY, NOON, put, row, session


def test_uses_of_one_hour_become_one_row(url: str) -> None:
    put(url, [row(KEY, NOON + 5_000, 2, NOON + 9_000)], [row(KEY, NOON + 1_000, 3, NOON + 7_000)])
    (one,) = Reader(url).rows()
    assert (one.start, one.length, one.count) == (NOON, HOUR, 5)
    assert (one.first_seen, one.last_seen) == (NOON + 1_000, NOON + 9_000)


def test_what_differs_in_one_word_is_counted_apart(url: str) -> None:
    others = [KEY._replace(**{word: "another"}) for word in Key._fields]
    put(url, [row(key, NOON) for key in (KEY, *others)], [row(KEY, NOON + HOUR)])
    rows = list(Reader(url).rows())
    found = {(one.start, tuple(getattr(one, word) for word in Key._fields)) for one in rows}
    assert found == {(NOON, tuple(key)) for key in (KEY, *others)} | {(NOON + HOUR, tuple(KEY))}
    assert {one.count for one in rows} == {1}


def test_a_batch_is_added_once_however_often_it_is_written(url: str) -> None:
    """A connection may break when the database has a batch and the writer does not know it."""
    with session(url) as one:
        for number in (1, 1, 2, 1, 2, 3):
            with one.transaction() as connection:
                write(connection, "writer", Batch(number, [row(KEY, NOON)]), NOON)
    assert [one.count for one in Reader(url).rows()] == [3]


def test_a_batch_that_fails_half_way_leaves_nothing(url: str) -> None:
    broken = Batch(1, [row(KEY, NOON), (NOON, KEY._replace(agent="x"), None, NOON, NOON)])  # type: ignore[list-item]
    with session(url) as one:
        with pytest.raises(IntegrityError) as caught, one.transaction() as connection:
            write(connection, "writer", broken, NOON)
        assert "acme" not in in_words(caught.value), "what was to be written stays out of messages"
        with one.transaction() as connection:
            write(connection, "writer", Batch(1, [row(KEY, NOON)]), NOON)
    assert [found.count for found in Reader(url).rows()] == [1]


def test_writers_at_the_same_time_lose_nothing(url: str) -> None:
    keys = [KEY._replace(consumer=f"c{number}") for number in range(40)]
    expected: Counter[str] = Counter()
    lock, failures = threading.Lock(), []

    def work(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311
        try:
            for _ in range(10):
                chosen = dice.sample(keys, 25)  # in any order
                put(url, [row(key, NOON) for key in chosen])
                with lock:
                    expected.update(key.consumer for key in chosen)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {one.consumer: one.count for one in Reader(url).rows()} == expected
