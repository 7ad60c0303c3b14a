"""Ledgers with a known content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from uuid import uuid4

from duskgate.usage.ledger.session import Session
from duskgate.usage.ledger.tables import HOUR, Key
from duskgate.usage.ledger.write import Batch, Row, write
from tests.policy.world import ms

NOON = ms("2026-11-24T12:00:00")

KEY = Key("accounts", "*", "v1", "acme", "forwarded", "2xx", "curl")


def row(key: Key, at: int, number: int = 1, last: int | None = None) -> Row:
    """Requests of one key, the first and the last at these instants."""
    return at // HOUR * HOUR, key, number, at, at if last is None else last


@contextmanager
def session(url: str) -> Iterator[Session]:
    one = Session(url)
    try:
        yield one
    finally:
        one.close()


def put(url: str, *batches: Sequence[Row], now: int = NOON) -> None:
    """Write batches as one writer does, which is a new one each time."""
    numbers, name = count(1), uuid4().hex
    with session(url) as one:
        for rows in batches:
            with one.transaction() as connection:
                if rows:
                    write(connection, name, Batch(next(numbers), rows), now)
